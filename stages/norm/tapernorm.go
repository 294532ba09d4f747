package norm

import (
	"context"
	"math"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// TaperNorm is norm "tapernorm" (arXiv 2602.10408): y = g γ x / r + (1 − g) c γ̃ x
// with r = √(mean(x²) + ε). The gate g is 1 for the warmup, then falls to 0 along
// half a cosine, after which the norm is a linear map that no longer depends on
// the token. c is the least-squares fit of c γ x to γ x / r over the warmup, the
// ratio of the averages of ‖γ x‖² / r and ‖γ x‖²; γ̃ starts at what γ is when the
// taper begins, and both are trained.
//
// The paper's auxiliary loss on the scale of the final norm's input is not
// implemented; it lets the final norm taper, too.
type TaperNorm struct {
	Warmup int     `hcl:"warmup" doc:"Steps with g = 1, over which c is averaged."`
	Taper  int     `hcl:"taper" doc:"Steps over which g falls to 0."`
	Decay  float64 `hcl:"decay" doc:"Decay of the averages that c is made of."`
	Final  bool    `hcl:"final,optional" doc:"Whether the final norm tapers, too. Otherwise it is RMSNorm, which keeps the logits from growing."`
	Eps    float64 `hcl:"eps,optional" doc:"ε, added to the mean square."`
}

// The buffers of a site.
const (
	taperSteps       = ".steps"       // steps done
	taperNumerator   = ".numerator"   // average of ‖γ x‖² / r
	taperDenominator = ".denominator" // average of ‖γ x‖²
	taperAnchor      = ".anchor"      // γ when the taper began
)

// Params implements Norm. γ̃ is the anchor plus a trained offset from 0, which has
// the gradient that γ̃ would have.
func (n *TaperNorm) Params(prefix string, site Site, width int) []ml.Param {
	if site == Final && !n.Final {
		return []ml.Param{gain(prefix, width)}
	}
	buffer := func(name string, shape ...int) ml.Param {
		return ml.Param{Path: prefix + name, Shape: shape, Role: ml.RoleBuffer}
	}
	return []ml.Param{gain(prefix, width),
		{Path: prefix + ".offset", Shape: []int{width}, Role: ml.RoleVector},
		buffer(taperSteps), buffer(taperNumerator), buffer(taperDenominator), buffer(taperAnchor, width)}
}

// Apply implements Norm.
func (n *TaperNorm) Apply(x *Node, prefix string, vars ml.Vars) *Node {
	vars.Tap(prefix+Input, x)
	y := Mul(row(vars.At(prefix+".gamma"), x), rescale(x, n.Eps))
	if vars.Has(prefix + taperSteps) {
		g := n.gate(vars.At(prefix + taperSteps))
		c := Div(vars.At(prefix+taperNumerator), MaxScalar(vars.At(prefix+taperDenominator), least))
		scale := Mul(Add(vars.At(prefix+taperAnchor), vars.At(prefix+".offset")), Mul(c, OneMinus(g)))
		y = Add(Mul(y, g), Mul(x, row(scale, x)))
	}
	vars.Tap(prefix+Output, y)
	return y
}

// least keeps c finite before anything was seen.
const least = 1e-30

// gate is g after a number of steps, exactly 0 at the end.
func (n *TaperNorm) gate(steps *Node) *Node {
	gone := MinScalar(MaxScalar(DivScalar(AddScalar(steps, float64(-n.Warmup)), float64(n.Taper)), 0), 1)
	g := MulScalar(OnePlus(Cos(MulScalar(gone, math.Pi))), 0.5)
	return Where(n.before(steps, n.Warmup+n.Taper), g, ZerosLike(g))
}

// before reports whether fewer than a number of steps are done.
func (n *TaperNorm) before(steps *Node, limit int) *Node {
	return LessThan(steps, Scalar(steps.Graph(), steps.DType(), float64(limit)))
}

// Refresh implements Running.
func (n *TaperNorm) Refresh(path string, vars ml.Vars, seen []*Node) *Node {
	dot := strings.LastIndexByte(path, '.')
	value, gamma, steps := vars.At(path), vars.At(path[:dot]+".gamma"), vars.At(path[:dot]+taperSteps)
	switch path[dot:] {
	case taperSteps:
		return OnePlus(value)
	case taperAnchor: // the step after the warmup has g = 1, so γ̃ is first used after it
		early := BroadcastToDims(n.before(steps, n.Warmup+1), gamma.Shape().Dimensions...)
		return Where(early, gamma, value)
	}
	var sum *Node
	for _, x := range seen {
		sum = ml.Plus(sum, n.energy(x, gamma, path[dot:] == taperNumerator))
	}
	mean := DivScalar(sum, float64(len(seen)))
	next := Add(MulScalar(value, n.Decay), MulScalar(mean, 1-n.Decay))
	return Where(n.before(steps, n.Warmup), next, value)
}

// energy is the mean of ‖γ x‖² over tokens, or of ‖γ x‖² / r.
func (n *TaperNorm) energy(x, gamma *Node, normed bool) *Node {
	z := Mul(x, row(gamma, x))
	if normed {
		return ReduceAllMean(ReduceSum(Mul(z, Mul(row(gamma, x), rescale(x, n.Eps))), -1))
	}
	return ReduceAllMean(ReduceSum(Mul(z, z), -1))
}

// Validate implements pipeline.Stage.
func (n *TaperNorm) Validate() diag.List {
	list := validateEps(n.Eps)
	wrong := func(name, want string, got any) {
		list = append(list, diag.Errorf(diag.Path{name}, "Out of range", "%s must be %s, not %v.", name, want, got)...)
	}
	if n.Warmup < 1 || n.Warmup > mostTaperSteps {
		wrong("warmup", "at least 1 and at most 10000000", n.Warmup)
	}
	if n.Taper < 1 || n.Taper > mostTaperSteps {
		wrong("taper", "at least 1 and at most 10000000", n.Taper)
	}
	if n.Decay < 0 || n.Decay >= 1 {
		wrong("decay", "at least 0 and below 1", n.Decay)
	}
	return list
}

// mostTaperSteps is below 2²⁴, to which float32 can count.
const mostTaperSteps = 10_000_000

// Describe implements pipeline.Stage.
func (n *TaperNorm) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describe(n, in, "tapernorm")
}

// Run implements pipeline.Stage.
func (n *TaperNorm) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(n) }
