package kernels

import (
	"bytes"
	"flag"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/gobackend"
)

var update = flag.Bool("update", false, "write the golden file anew, once the kernels were held against the library's new version")

// relied are the declarations of the library that the kernels rest on: those that
// hook.go declares again, and the payloads of operations that they look into.
var relied = []string{
	"Buffer", "Node", "NodeExecutor", "nodeMultiOutputExecutor", "nodeExecutors", "Backend.GetBuffer", "Builder", "Function", "Function.DAGSort",
	"sliceNode", "padNode", "Concatenate", "Transpose", "BroadcastInDim", "reduceImpls", "ReduceSum", "ReduceMax", "gatherNode", "scatterNode", "NodeData", "MultiOutputsNodeExecutors",
}

// A new version of GoMLX whose internals have another shape fails here, with what
// changed, and not in somebody's training.
func TestHook(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}} {{.Version}}", "github.com/gomlx/compute").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	dir, version, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	got := "github.com/gomlx/compute " + version + "\n\n" + strings.Join(declarations(t, filepath.Join(dir, "internal", "gobackend")), "\n\n") + "\n"
	name := filepath.Join("testdata", "gobackend.golden")
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("GoMLX is not what the kernels were written for. Hold hook.go and every use of node.Data against it, then run go test -run TestHook -update.\ngot\n%s", got)
	}
	b, err := gobackend.New("ops_sequential")
	if err != nil {
		t.Fatal(err)
	}
	if err := fits(b, borrowed...); err != nil && !installed { // once installed, the borrowed operations are ours
		t.Error(err)
	}
}

// declarations prints what the kernels rely on, as the library declares it:
// types whole, functions and variables by their types.
func declarations(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		text := func(kind, name string, node any) {
			if !slices.Contains(relied, name) {
				return
			}
			var b bytes.Buffer
			if err := printer.Fprint(&b, files, node); err != nil {
				t.Fatal(err)
			}
			out = append(out, f.Name.Name+"."+kind+" "+name+" "+b.String())
		}
		for _, decl := range f.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				name := d.Name.Name
				if d.Recv != nil {
					of := d.Recv.List[0].Type
					if star, ok := of.(*ast.StarExpr); ok {
						of = star.X
					}
					if id, ok := of.(*ast.Ident); ok {
						name = id.Name + "." + name
					}
				}
				text("func", name, d.Type)
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						text("type", s.Name.Name, s.Type)
					case *ast.ValueSpec:
						if s.Type != nil {
							text("var", s.Names[0].Name, s.Type)
						}
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}
