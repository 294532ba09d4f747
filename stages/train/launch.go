package train

import (
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// stepsCompiled is the number of steps that a backend's program can run in one call.
// The Go backend runs single steps: a loop would cost time and save none.
func stepsCompiled(backend string) int {
	if strings.HasPrefix(backend, "xla:") {
		return 64
	}
	return 1
}

// stepsPerCall is the number of steps that a trial runs in one call of its backend.
// It follows from the arithmetic of a step, never from clocks: a call takes about half
// a second, so that interruptions and progress do not wait long.
func (t *LM) stepsPerCall(in pipeline.Inputs) int {
	most := stepsCompiled(t.Backend)
	if most == 1 {
		return 1
	}
	const cuda, cpu = 2e14, 2e10 // FLOP in a call
	budget := float64(cpu)
	if t.Backend == "xla:cuda" {
		budget = cuda
	}
	work := t.count(in)
	step := work.FLOPsPerToken * float64(t.tokensPerStep())
	return max(1, min(most, int(budget/step)))
}

// launch is a loop of up to most optimizer steps on the device, which saves the wait
// of the host at every step. Inputs: parameters, optimizer state, the first step and
// the number of steps (int32), and what step takes, for each step: multipliers [N],
// tokens [N, A, B, L] and noise [N, A, 2]. Outputs: the new parameters and state, the
// losses and the gradient norms [N], 0 after the last step.
//
// The body of the loop is step's own graph. The fingerprint is therefore that of
// step, whatever the number of steps.
func (r *recipe) launch(most int) ml.Program {
	one := r.step()
	kept := one.InPlace
	l := launchLayout{kept: kept, perStep: one.Inputs[kept+1:]}
	l.inputs = append(one.Inputs[:kept:kept], ml.Input{Name: "first", DType: dtypes.Int32}, ml.Input{Name: "steps", DType: dtypes.Int32})
	for _, in := range l.perStep {
		l.inputs = append(l.inputs, ml.Input{Name: in.Name + "s", Shape: append([]int{most}, in.Shape...), DType: in.DType})
	}
	// go-xla refuses operations in a closure that take values of the function around
	// it, so the loop carries every input.
	l.carried = append(l.inputs[:len(l.inputs):len(l.inputs)],
		ml.Input{Name: "done", DType: dtypes.Int32},
		ml.Input{Name: "losses", Shape: []int{most}, DType: dtypes.Float32},
		ml.Input{Name: "norms", Shape: []int{most}, DType: dtypes.Float32})
	build := func(in []*Node) []*Node {
		g := in[0].Graph()
		more := NewClosure(g, func(g *Graph) []*Node {
			c := l.declare(g)
			return []*Node{LessThan(c[len(l.inputs)], c[kept+1])}
		})
		body := NewClosure(g, func(g *Graph) []*Node { return l.body(g, most, one) })
		zeros := Const(g, make([]float32, most))
		out := While(more, body, append(in[:len(in):len(in)], Const(g, int32(0)), zeros, zeros)...)
		return append(out[:kept:kept], out[len(l.inputs)+1:]...)
	}
	return ml.Program{Name: "launch", Inputs: l.inputs, Build: build, InPlace: kept}
}

// launchLayout names the values of the loop: inputs, then the number of steps done,
// the losses and the norms. The first kept of them are the state.
type launchLayout struct {
	kept            int
	perStep         []ml.Input // of step, after its number
	inputs, carried []ml.Input
}

// declare makes the parameters of a closure of the loop.
func (l launchLayout) declare(g *Graph) []*Node {
	out := make([]*Node, len(l.carried))
	for i, c := range l.carried {
		out[i] = Parameter(g, "loop."+c.Name, shapes.Make(c.DType, c.Shape...))
	}
	return out
}

// body computes one step of the loop.
func (l launchLayout) body(g *Graph, most int, one ml.Program) []*Node {
	c := l.declare(g)
	at := len(l.inputs)
	done := c[at]
	args := append(c[:l.kept:l.kept], Add(c[l.kept], done))
	for j, all := range c[l.kept+2 : at] {
		args = append(args, Reshape(Gather(all, Reshape(done, 1), true), l.perStep[j].Shape...))
	}
	out := one.Build(args)
	here := Equal(Iota(g, shapes.Make(dtypes.Int32, most), 0), BroadcastToDims(done, most))
	put := func(into, x *Node) *Node { return Where(here, BroadcastToDims(x, most), into) }
	next := append(out[:l.kept:l.kept], c[l.kept:at]...)
	return append(next, Add(done, Const(g, int32(1))), put(c[at+1], out[l.kept]), put(c[at+2], out[l.kept+1]))
}
