package hook_test

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

	"ablate/stages/internal/kernels/hook"
)

var update = flag.Bool("update", false, "rewrite the golden file, after comparing the hook with the new version of GoMLX")

// reliedOn are the declarations of GoMLX that the hook depends on: those that it
// declares again, and the attributes of operations that it reads.
var reliedOn = []string{
	"Buffer", "Node", "NodeExecutor", "nodeMultiOutputExecutor", "nodeExecutors", "Backend.GetBuffer", "Builder", "Function", "Function.DAGSort",
	"sliceNode", "padNode", "Concatenate", "Transpose", "BroadcastInDim", "reduceImpls", "ReduceSum", "ReduceMax", "gatherNode", "scatterNode", "NodeData", "MultiOutputsNodeExecutors",
}

// TestHook fails with a new version of GoMLX whose internals differ, and says
// what changed.
func TestHook(t *testing.T) {
	b, err := gobackend.New("ops_sequential")
	if err != nil {
		t.Fatal(err)
	}
	if err := hook.Check(b); err != nil {
		t.Error(err)
	}
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
		t.Errorf("GoMLX's internals changed. Compare package hook with them, then run go test -run TestHook -update.\ngot\n%s", got)
	}
}

// declarations prints the declarations that the hook depends on: types in full,
// functions and variables by their types.
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
			if !slices.Contains(reliedOn, name) {
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
