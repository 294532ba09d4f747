package ablate_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// Commands report typed events, never maps, because docs/json.md lists the fields of
// events. And no type of theirs collects the methods of all commands.
func TestCommandsReportTypedEvents(t *testing.T) {
	const mostMethods = 30
	files, err := filepath.Glob("cmd/ablate/internal/*/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d files: %v", len(files), err)
	}
	methods := make(map[string]int)
	fset := token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.MapType:
				if id, ok := n.Value.(*ast.Ident); ok && id.Name == "any" || isEmptyInterface(n.Value) {
					t.Errorf("%s: a map of any value: declare an event or a struct", fset.Position(n.Pos()))
				}
			case *ast.FuncDecl:
				if n.Recv != nil {
					methods[filepath.Dir(name)+" "+receiver(n)]++
				}
			}
			return true
		})
	}
	for of, n := range methods {
		if n > mostMethods {
			t.Errorf("%s has %d methods: give each command a struct of its own", of, n)
		}
	}
}

func isEmptyInterface(e ast.Expr) bool {
	i, ok := e.(*ast.InterfaceType)
	return ok && len(i.Methods.List) == 0
}

// receiver is the name of a method's receiver type.
func receiver(f *ast.FuncDecl) string {
	t := f.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}
