package ml_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/cache"
	"ablate/stages/internal/ml"
)

// two is a program of two float32 inputs [4, 6].
func two(build func(x, y *Node) []*Node) ml.Program {
	shape := []int{4, 6}
	return ml.Program{
		Name:   "test",
		Inputs: []ml.Input{{"x", shape, dtypes.Float32}, {"y", shape, dtypes.Float32}},
		Build:  func(in []*Node) []*Node { return build(in[0], in[1]) },
	}
}

func mustFingerprint(t *testing.T, p ml.Program) cache.Digest {
	t.Helper()
	d, err := ml.Fingerprint(p)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func base(x, y *Node) []*Node {
	sum := Add(Mul(x, x), y)
	return []*Node{Div(Erf(sum), AddScalar(Sqrt(Mul(y, y)), 1e-5))}
}

func TestSameComputationSameFingerprint(t *testing.T) {
	want := mustFingerprint(t, two(base))
	for name, build := range map[string]func(x, y *Node) []*Node{
		"reordered statements": func(x, y *Node) []*Node {
			below := AddScalar(Sqrt(Mul(y, y)), 1e-5)
			above := Erf(Add(Mul(x, x), y))
			return []*Node{Div(above, below)}
		},
		"swapped operands": func(x, y *Node) []*Node {
			sum := Add(y, Mul(x, x))
			return []*Node{Div(Erf(sum), AddScalar(Sqrt(Mul(y, y)), 1e-5))}
		},
		"dead code": func(x, y *Node) []*Node {
			Exp(Sub(x, y))
			return base(x, y)
		},
		"identity": func(x, y *Node) []*Node { return base(Identity(x), y) },
	} {
		if got := mustFingerprint(t, two(build)); got != want {
			t.Errorf("%s: the fingerprint differs", name)
		}
	}
	for _, n := range []int{1, 2} {
		old := runtime.GOMAXPROCS(n)
		if got := mustFingerprint(t, two(base)); got != want {
			t.Errorf("with GOMAXPROCS %d the fingerprint differs", n)
		}
		runtime.GOMAXPROCS(old)
	}
}

func TestOtherComputationOtherFingerprint(t *testing.T) {
	constant := func(last float32) func(x, y *Node) []*Node {
		return func(x, y *Node) []*Node {
			values := make([]float32, 40)
			values[39] = last
			return []*Node{Add(ReduceAllSum(Const(x.Graph(), values)), ReduceAllSum(Add(x, y)))}
		}
	}
	loop := func(step float64) func(x, y *Node) []*Node {
		return func(x, y *Node) []*Node {
			g, shape := x.Graph(), x.Shape()
			cond := NewClosure(g, func(g *Graph) []*Node {
				a, b := Parameter(g, "a", shape), Parameter(g, "b", shape)
				return []*Node{LessThan(ReduceAllSum(a), ReduceAllSum(b))}
			})
			body := NewClosure(g, func(g *Graph) []*Node {
				a, b := Parameter(g, "a", shape), Parameter(g, "b", shape)
				return []*Node{AddScalar(a, step), b}
			})
			return While(cond, body, x, y)
		}
	}
	programs := map[string]ml.Program{
		"base": two(base),
		"tanh": two(func(x, y *Node) []*Node {
			return []*Node{Div(Tanh(Add(Mul(x, x), y)), AddScalar(Sqrt(Mul(y, y)), 1e-5))}
		}),
		"another eps": two(func(x, y *Node) []*Node {
			return []*Node{Div(Erf(Add(Mul(x, x), y)), AddScalar(Sqrt(Mul(y, y)), 1e-6))}
		}),
		"sum over axis 0":       two(func(x, y *Node) []*Node { return []*Node{ReduceSum(x, 0), y} }),
		"sum over axis 1":       two(func(x, y *Node) []*Node { return []*Node{ReduceSum(x, 1), y} }),
		"max over axis 1":       two(func(x, y *Node) []*Node { return []*Node{ReduceMax(x, 1), y} }),
		"slice from 0":          two(func(x, y *Node) []*Node { return []*Node{Slice(x, AxisRange(), AxisRange(0, 3)), y} }),
		"slice from 1":          two(func(x, y *Node) []*Node { return []*Node{Slice(x, AxisRange(), AxisRange(1, 4)), y} }),
		"less":                  two(func(x, y *Node) []*Node { return []*Node{LessThan(x, y)} }),
		"less or equal":         two(func(x, y *Node) []*Node { return []*Node{LessOrEqual(x, y)} }),
		"difference":            two(func(x, y *Node) []*Node { return []*Node{Sub(x, y)} }),
		"difference turned":     two(func(x, y *Node) []*Node { return []*Node{Sub(y, x)} }),
		"outputs turned":        two(func(x, y *Node) []*Node { return []*Node{y, x} }),
		"outputs":               two(func(x, y *Node) []*Node { return []*Node{x, y} }),
		"long constant":         two(constant(1)),
		"long constant's end":   two(constant(2)),
		"loop":                  two(loop(1)),
		"loop's body":           two(loop(2)),
		"gradient":              two(func(x, y *Node) []*Node { return Gradient(ReduceAllSum(Mul(x, Mul(x, y))), x) }),
		"stopped gradient":      two(func(x, y *Node) []*Node { return Gradient(ReduceAllSum(Mul(x, StopGradient(Mul(x, y)))), x) }),
		"in half the precision": two(func(x, y *Node) []*Node { return []*Node{ConvertDType(Mul(x, y), dtypes.Float16)} }),
		"in double":             two(func(x, y *Node) []*Node { return []*Node{ConvertDType(Mul(x, y), dtypes.Float64)} }),
		"sums regrouped left":   two(func(x, y *Node) []*Node { return []*Node{Add(Add(x, y), Exp(x))} }),
		"sums regrouped right":  two(func(x, y *Node) []*Node { return []*Node{Add(x, Add(y, Exp(x)))} }),
	}
	renamed := two(base)
	renamed.Inputs = []ml.Input{{"z", []int{4, 6}, dtypes.Float32}, {"y", []int{4, 6}, dtypes.Float32}}
	programs["another role"] = renamed
	wider := two(base)
	wider.Inputs = []ml.Input{{"x", []int{4, 7}, dtypes.Float32}, {"y", []int{4, 7}, dtypes.Float32}}
	programs["another shape"] = wider
	seen := make(map[cache.Digest]string)
	for name, p := range programs {
		d := mustFingerprint(t, p)
		if other, twice := seen[d]; twice {
			t.Errorf("%q and %q have one fingerprint", name, other)
		}
		seen[d] = name
	}
}

// fusing claims every fused operation, as accelerators do.
type fusing struct{ compute.Backend }

// Capabilities implements compute.Backend.
func (f fusing) Capabilities() compute.Capabilities {
	c := f.Backend.Capabilities().Clone()
	for op := compute.OpType(0); op < compute.OpTypeLast; op++ {
		c.Operations[op] = true
	}
	return c
}

// Whatever a backend can fuse, the fingerprint is the same.
func TestCapabilitiesDoNotCount(t *testing.T) {
	p := two(func(x, y *Node) []*Node { return Gradient(ReduceAllSum(Mul(Softmax(x, -1), y)), x) })
	want := mustFingerprint(t, p)
	got, err := ml.FingerprintOver(fusing{gobackend.GetBackend()}, p)
	if err != nil || got != want {
		t.Errorf("over a backend that fuses everything: %s, %v, want %s", got, err, want)
	}
	for _, setting := range []string{"0", "1", "false", "true"} {
		if got := inProcess(t, "GOMLX_FUSION="+setting); got != inProcess(t) {
			t.Errorf("with GOMLX_FUSION=%s the fingerprint is %s", setting, got)
		}
	}
}

// inProcess takes the fingerprint of base in a process of its own.
func inProcess(t *testing.T, env ...string) string {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run", "^TestPrintFingerprint$", "-test.v")
	c.Env = append(append(os.Environ(), "PRINT_FINGERPRINT=1"), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, line := range strings.Split(string(out), "\n") {
		if strings.HasPrefix(line, "sha256:") {
			return line
		}
	}
	t.Fatalf("no fingerprint in %s", out)
	return ""
}

// TestPrintFingerprint is what inProcess runs; by itself it checks that another
// process agrees.
func TestPrintFingerprint(t *testing.T) {
	d := mustFingerprint(t, two(base))
	if os.Getenv("PRINT_FINGERPRINT") != "" {
		fmt.Println(d)
		return
	}
	if got := inProcess(t); got != d.String() {
		t.Errorf("another process says %s, this one %s", got, d)
	}
}

func TestMistakesAreErrors(t *testing.T) {
	_, err := ml.Fingerprint(two(func(x, y *Node) []*Node { return []*Node{Add(x, Reshape(y, 24))} }))
	if err == nil || !strings.Contains(err.Error(), "building test") {
		t.Errorf("adding shapes that do not fit = %v, want an error that names the program", err)
	}
}

func TestRunAndReuse(t *testing.T) {
	b := gobackend.GetBackend()
	p := ml.Program{Name: "count", Inputs: []ml.Input{{"state", []int{1000}, dtypes.Float32}},
		Build: func(in []*Node) []*Node { return []*Node{AddScalar(in[0], 1)} }}
	e, err := ml.Compile(b, p)
	if err != nil {
		t.Fatal(err)
	}
	state, err := ml.NewBuffer(b, []int{1000}, make([]float32, 1000))
	if err != nil {
		t.Fatal(err)
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	var before uint64
	for i := range 1000 {
		out, err := e.Run([]compute.Buffer{state}, []bool{true})
		if err != nil {
			t.Fatal(err)
		}
		state = out[0]
		if i == 100 {
			before = heap()
		}
	}
	if after := heap(); after > before+4<<20 {
		t.Errorf("the heap grew from %d to %d bytes in 900 steps", before, after)
	}
	values, err := ml.Float32s(state)
	if err != nil || values[999] != 1000 {
		t.Errorf("after 1000 steps: %v, %v, want 1000", values[999], err)
	}
	if shape, err := state.Shape(); err != nil || !shape.Equal(shapes.Make(dtypes.Float32, 1000)) {
		t.Errorf("shape = %v, %v", shape, err)
	}
}
