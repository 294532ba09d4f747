package formula

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"ablate/hcl/diag"
)

// Scope is what a formula may use in its place.
type Scope struct {
	Place     string          // in messages: "a norm"
	Names     map[string]Type // what has a value there
	Functions Group           // the functions that it may call
	Computed  Level           // of a function of constants that is not folded: Tensor, or Step in optimizers
}

// mostIterations bounds the iterations of newton_schulz and polar_express.
const mostIterations = 100

// Check types a formula. Diagnostics have the path of the attribute, and below it
// that of the node.
func (f Formula) Check(path diag.Path, scope Scope) (Type, diag.List) {
	c := checker{f: f, path: path, scope: scope, types: make([]Type, len(f.Nodes)), invalid: make([]bool, len(f.Nodes))}
	for i := range f.Nodes {
		c.node(i)
	}
	if f.IsZero() || len(c.list) > 0 {
		return Type{}, c.list
	}
	return c.types[len(c.types)-1], nil
}

type checker struct {
	f       Formula
	path    diag.Path
	scope   Scope
	types   []Type
	invalid []bool // reported already, or made of what was
	list    diag.List
}

func (c *checker) fail(i int, summary, detail string, args ...any) {
	c.invalid[i] = true
	at := append(c.path[:len(c.path):len(c.path)], NodePath(i))
	c.list = append(c.list, diag.Errorf(at, summary, detail, args...)...)
}

func (c *checker) node(i int) {
	switch n := c.f.Nodes[i]; n.Op {
	case opNumber:
	case opTruth:
		c.types[i].IsTruth = true
	case opName:
		t, ok := c.scope.Names[n.Name]
		if !ok {
			c.fail(i, "Unknown name", "Nothing in %s is called %s.%s", c.scope.Place, n.Name, suggest(n.Name, slices.Sorted(maps.Keys(c.scope.Names))))
		}
		c.types[i] = t
	default:
		c.call(i, n)
	}
}

// call checks an operation or a function.
func (c *checker) call(i int, n Node) {
	fn, known := functions[n.Op]
	switch {
	case !known:
		c.fail(i, "Unknown function", "%s has no function %s.%s", sentence(c.scope.Place), n.Op, suggest(n.Op, Functions(c.scope.Functions)))
		return
	case fn.group&c.scope.Functions == 0:
		c.misplaced(i, n.Op, fn)
		return
	case len(n.Args) != fn.args:
		least := ""
		if n.Op == "min" || n.Op == "max" { // of any number, two by two
			least = "at least "
		}
		c.fail(i, "Wrong number of arguments", "%s takes %s%s, not %d.", n.Op, least, count(fn.args, "argument"), len(n.Args))
		return
	}
	args := make([]Type, len(n.Args))
	for j, a := range n.Args {
		c.invalid[i] = c.invalid[i] || c.invalid[a]
		args[j] = c.types[a]
	}
	if c.invalid[i] || !c.truths(i, n, fn) || !c.constants(i, n, fn) {
		return
	}
	if fn.reach == broadcast {
		c.broadcast(i, n, fn, args)
		return
	}
	c.whole(i, n, fn, args)
}

// misplaced says why a function is not available.
func (c *checker) misplaced(i int, op string, fn function) {
	alone := map[string]string{"mean_all": "mean", "std_all": "std", "rms_all": "rms", "pooled_std": "std"}[op]
	if fn.group&(Whole|Pooled) != 0 && c.scope.Functions&Across != 0 {
		c.fail(i, "Sees the future", "%s goes over all tokens, also those ahead. Use %s, or keep it in a running block.", op, alone)
		return
	}
	c.fail(i, "Function not available", "%s cannot be used in %s.%s", op, c.scope.Place, available(Functions(c.scope.Functions)))
}

// truths checks that conditions are truth values and everything else is numbers.
func (c *checker) truths(i int, n Node, fn function) bool {
	for j, a := range n.Args {
		want := fn.truths || n.Op == "where" && j == 0
		if c.types[a].IsTruth == want {
			continue
		}
		wanted := "numbers"
		if want {
			wanted = "a comparison"
		}
		c.fail(a, "Wrong type", "%s takes %s here, and %s is %s.", c.called(n.Op), wanted, c.f.quote(a), c.types[a])
		c.invalid[i] = true
		return false
	}
	return true
}

// constants checks the arguments that must be known before anything is computed.
func (c *checker) constants(i int, n Node, fn function) bool {
	from := len(n.Args) - fn.constants
	if n.Op == "pow" && c.scope.Functions&Elementwise == 0 { // in a schedule
		from = 1
	}
	for _, a := range n.Args[from:] {
		x := c.f.Nodes[a]
		if x.Op != opNumber {
			c.fail(i, "Not a constant", "The last argument of %s must be a constant, and %s is not.", n.Op, c.f.quote(a))
			return false
		}
		if want := outside(n.Op, x.Number); want != "" {
			c.fail(i, "Out of range", "The last argument of %s must be %s, not %v.", n.Op, want, x.Number)
			return false
		}
	}
	return true
}

// outside says what a constant argument must be, "" where it is.
func outside(op string, v float64) string {
	whole := v == math.Trunc(v)
	switch op {
	case "first":
		if v <= 0 || v > 1 {
			return "a share, above 0 and at most 1"
		}
	case "newton_schulz", "polar_express":
		if !whole || v < 1 || v > mostIterations {
			return fmt.Sprintf("a number of iterations between 1 and %d", mostIterations)
		}
	case "pow":
		if !whole || math.Abs(v) > 100 {
			return "a whole number between -100 and 100"
		}
	}
	return ""
}

// broadcast checks an operation on each element.
func (c *checker) broadcast(i int, n Node, fn function, args []Type) {
	t := args[0]
	for j := 1; j < len(args); j++ {
		joined, ok := Join(t, args[j])
		if !ok {
			c.fail(i, "Shapes do not fit", "%s is %s, and %s is %s.", c.f.quote(n.Args[0]), args[0], c.f.quote(n.Args[j]), args[j])
			return
		}
		t = joined
	}
	if t.Level == Constant && fn.exact == nil && fn.symbol == "" {
		t.Level = c.scope.Computed
	}
	t.IsTruth = fn.compare != nil || fn.truths
	c.types[i] = t
}

// whole checks an operation that does not go element by element.
func (c *checker) whole(i int, n Node, fn function, args []Type) {
	quoted := c.f.quote(n.Args[0])
	if fn.group == Matrices && (args[0].Level < Tensor || n.Op != "norm_all" && (args[0].Down == One || args[0].Along == One)) {
		c.fail(i, "Not a matrix", "%s takes a matrix, and %s is %s.", n.Op, quoted, args[0])
		return
	}
	if fn.reach == matrixProduct && args[0].Along != args[1].Down {
		c.fail(i, "Shapes do not fit", "matmul needs as many columns on the left as rows on the right: %s is a matrix of %s by %s, and %s of %s by %s.",
			quoted, args[0].Down, args[0].Along, c.f.quote(n.Args[1]), args[1].Down, args[1].Along)
		return
	}
	t, ok := fn.result(args)
	if !ok || n.Op == "first" && args[0].Along != Columns {
		c.fail(i, "Nothing to reduce", "%s goes along the width, and %s is %s.", n.Op, quoted, args[0])
		return
	}
	if n.Op == "first" {
		t.Along = leading(c.f.Nodes[n.Args[1]].Number)
	}
	t.Level = Tensor
	c.types[i] = t
}

func (c *checker) called(op string) string {
	if s := functions[op].symbol; s != "" {
		return s
	}
	return op
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
