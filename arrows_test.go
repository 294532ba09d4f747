package ablate_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// An arrow that must not exist, though it points down the layout: packages with prefix from
// must not import packages with prefix to, except those with a prefix of the list but.
type ban struct{ from, to, but, why string }

var bans = []ban{
	{"ablate/cache", "ablate/", "ablate/cache", "the store knows nothing of studies"},
	{"ablate/pipeline", "ablate/hcl", "ablate/hcl/addr ablate/hcl/diag ablate/hcl/formula ablate/hcl/spec ablate/hcl/study", "the pipeline sees a loaded study, never the language"},
	{"ablate/stages", "ablate/pipeline/", "ablate/pipeline/unpack ablate/pipeline/process", "stages know the contract, not what carries it out"},
	{"ablate/pipeline/run", "ablate/pipeline/source", "", "a run is handed its sources"},
	{"ablate/pipeline/run", "ablate/pipeline/graph", "", "a run asks the plan"},
	{"ablate/pipeline/launch", "ablate/pipeline/planner", "", "a launcher knows requests, not plans"},
	{"ablate/stages/record", "ablate/", "ablate/cache", "rows and names"},
	{"ablate/stages/answer", "ablate/", "ablate/stages/answer ablate/cache ablate/hcl/addr ablate/hcl/formula", "documents, and what is written from them"},
	{"ablate/stages", "ablate/hcl", "ablate/hcl/addr ablate/hcl/diag ablate/hcl/formula ablate/hcl/spec", "stages see decoded specs, never the language"},
	{"ablate/cmd/ablate/internal/view", "ablate/stages", "ablate/stages/answer", "views render data, and know no kind of stage"},
	{"ablate/hcl/addr", "ablate/", "", "standard library only"},
	{"ablate/hcl/diag", "ablate/", "", "standard library only"},
	{"ablate/hcl/formula", "ablate/", "ablate/hcl/diag ablate/hcl/nearest", "standard library, diagnostics and suggestions only"},
	{"ablate/hcl/nearest", "ablate/", "", "names only"},
	{"ablate/hcl/spec", "ablate/", "ablate/hcl/addr ablate/hcl/formula", "standard library, addresses and formulas only"},
}

// The layout: imports point down this list. A package belongs to the longest prefix
// that it has, and may import what stands on the same line or below.
var layout = [][]string{
	{"ablate/cmd", "ablate/bench", "ablate/scripts"},
	{"ablate/stages"},
	{"ablate/stages/train", "ablate/stages/analysis", "ablate/stages/data"},
	{"ablate/stages/model", "ablate/stages/norm", "ablate/stages/optimizer"},
	{"ablate/stages/internal"},
	{"ablate/stages/record", "ablate/stages/answer"},
	{"ablate/pipeline/launch"},
	{"ablate/pipeline/run"},
	{"ablate/pipeline/planner"},
	{"ablate/pipeline/graph"},
	{"ablate/pipeline/action"},
	{"ablate/pipeline/source"},
	{"ablate/pipeline/process", "ablate/pipeline/unpack"},
	{"ablate/pipeline"}, // the contract
	{"ablate/cache/cachetest"},
	{"ablate/cache/remote"},
	{"ablate/cache"},
	{"ablate/cache/fsys"},
	{"ablate/hcl"},
	{"ablate/hcl/study"},
	{"ablate/hcl/spec"},
	{"ablate/hcl/formula"},
	{"ablate/hcl/addr", "ablate/hcl/diag", "ablate/hcl/nearest"},
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		own, ok := line(p.ImportPath)
		if !ok {
			t.Errorf("%s has no place in the layout", p.ImportPath)
		}
		for _, imp := range p.Imports {
			if below, ok := line(imp); ok && below < own {
				t.Errorf("%s imports %s, which is above it in the layout", p.ImportPath, imp)
			}
		}
	}
}

// line is the line of a package in the layout.
func line(path string) (at int, ok bool) {
	longest := ""
	for i, prefixes := range layout {
		for _, prefix := range prefixes {
			if under(path, prefix) && len(prefix) > len(longest) {
				at, longest = i, prefix
			}
		}
	}
	return at, longest != ""
}

// Outside of the stages, code asks for the role of a kind. A name of a block in a
// comparison, an index or a case is a decision by name.
func TestNoDecisionByBlock(t *testing.T) {
	for _, path := range sources(t, "cmd", "hcl", "pipeline", "cache") {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			var deciding []ast.Expr
			switch n := n.(type) {
			case *ast.BinaryExpr:
				deciding = []ast.Expr{n.X, n.Y}
			case *ast.IndexExpr:
				deciding = []ast.Expr{n.Index}
			case *ast.CaseClause:
				deciding = n.List
			}
			for _, e := range deciding {
				if lit, ok := e.(*ast.BasicLit); ok && slices.Contains(blockNames, strings.Trim(lit.Value, `"`)) {
					t.Errorf("%s decides by the name of the block %s: ask for the role of the kind", path, lit.Value)
				}
			}
			return true
		})
	}
}

var blockNames = []string{"data", "model", "norm", "optimizer", "train", "analysis"}

// A row is declared in stages/record alone: no other package has a struct with its
// three fields.
func TestOneDeclarationOfARow(t *testing.T) {
	var found []string
	for _, path := range sources(t, "cmd", "hcl", "pipeline", "cache", "stages", "bench") {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if text := string(raw); strings.Contains(text, "`json:\"step\"`") && strings.Contains(text, "`json:\"name\"`") && strings.Contains(text, "`json:\"value\"`") {
			found = append(found, path)
		}
	}
	elsewhere := func(path string) bool { return filepath.Dir(path) != filepath.Join("stages", "record") }
	if len(found) == 0 || slices.ContainsFunc(found, elsewhere) {
		t.Errorf("rows are declared in %v, want stages/record alone", found)
	}
}

// sources lists the Go files below folders, without tests.
func sources(t *testing.T, folders ...string) []string {
	t.Helper()
	var out []string
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				out = append(out, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// Third-party modules and the only folders that may import them. Databases are written
// by exports and read by data stages.
var homes = map[string]string{
	"github.com/hashicorp/hcl":              "ablate/hcl",
	"github.com/zclconf":                    "ablate/hcl",
	"github.com/gomlx":                      "ablate/stages",
	"gonum.org":                             "ablate/stages",
	"github.com/spf13/cobra":                "ablate/cmd",
	"github.com/spf13/afero":                "ablate/cache",
	"github.com/hashicorp/go-retryablehttp": "ablate/cache/remote",
	"golang.org/x/mod":                      "ablate/cache/remote",
	"modernc.org/sqlite":                    "ablate/cmd/ablate/internal/tables ablate/stages/internal/sqlite",
	"go.yaml.in/yaml/v3":                    "ablate/stages",
}

type goPackage struct {
	ImportPath string
	Imports    []string
	Doc        string
}

func TestArrows(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range p.Imports {
			for _, b := range bans {
				excepted := slices.ContainsFunc(strings.Fields(b.but), func(prefix string) bool { return under(imp, prefix) })
				if under(p.ImportPath, b.from) && below(imp, b.to) && !excepted {
					t.Errorf("%s imports %s: %s", p.ImportPath, imp, b.why)
				}
			}
			for module, home := range homes {
				atHome := slices.ContainsFunc(strings.Fields(home), func(prefix string) bool { return under(p.ImportPath, prefix) })
				if under(imp, module) && !atHome {
					t.Errorf("%s imports %s, which belongs under %s", p.ImportPath, imp, home)
				}
			}
		}
	}
}

func TestStandardLibraryOnly(t *testing.T) {
	for _, p := range packages(t) {
		switch p.ImportPath {
		case "ablate/hcl/addr", "ablate/hcl/diag", "ablate/hcl/spec":
		default:
			continue
		}
		for _, imp := range p.Imports {
			first, _, _ := strings.Cut(imp, "/")
			if strings.Contains(first, ".") {
				t.Errorf("%s imports %s: standard library only", p.ImportPath, imp)
			}
		}
	}
}

func TestEveryPackageHasADocComment(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// under reports whether path is prefix or lies below it.
func under(path, prefix string) bool {
	prefix = strings.TrimSuffix(prefix, "/")
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// below is under, but for a prefix that ends with a slash: what lies below it.
func below(path, prefix string) bool {
	if strings.HasSuffix(prefix, "/") {
		return strings.HasPrefix(path, prefix)
	}
	return under(path, prefix)
}

// packages lists the module's packages. The tables of this file call the module
// "ablate", whatever path it is published at.
func packages(t *testing.T) []goPackage {
	t.Helper()
	out := goList(t, "-json=ImportPath,Imports,Doc", "./...")
	module := strings.TrimSpace(goList(t, "-m"))
	name := func(path string) string {
		if under(path, module) {
			return "ablate" + strings.TrimPrefix(path, module)
		}
		return path
	}
	var all []goPackage
	dec := json.NewDecoder(strings.NewReader(out))
	for {
		var p goPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("go list's output: %v", err)
		}
		p.ImportPath = name(p.ImportPath)
		for i, imp := range p.Imports {
			p.Imports[i] = name(imp)
		}
		if p.ImportPath != "ablate" { // holds this test alone
			all = append(all, p)
		}
	}
}

func goList(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return string(out)
}

// What serves two kinds of remotes, at the price of many modules, is linked only
// where a build asks for it.
func TestDefaultBuildIsSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./cmd/ablate").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, p := range strings.Fields(string(out)) {
		for _, module := range []string{"gocloud.dev", "cloud.google.com", "github.com/Azure", "google.golang.org/grpc"} {
			if under(p, module) {
				t.Errorf("a default build links %s", p)
			}
		}
	}
}
