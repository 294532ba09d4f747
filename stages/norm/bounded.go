package norm

import (
	"strings"

	. "github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/diag"
	"ablate/stages/internal/express"
	"ablate/stages/internal/ml"
)

// What a norm taps, below its prefix.
const (
	Input    = ".input"    // x
	Argument = ".argument" // of the squashing function, after α and s
	Output   = ".output"   // y
	sigma    = ".sigma"    // the running deviation
)

// InputOf is the path under which the site of a running statistic taps x.
func InputOf(p ml.Param) string { return p.Path[:strings.LastIndexByte(p.Path, '.')] + Input }

// Saturating is a norm that squashes.
type Saturating interface {
	// Threshold is the size of the argument beyond which the output is within
	// one percent of its bound.
	Threshold() float64
}

// bounded is what norms y = γ f(α x) + β have in common.
type bounded struct {
	alpha Sites
	rate  float64 // of α; 0 for the optimizer's
	bias  bool
	blend *EMABlend
	asinh *Asinh
}

func (b bounded) params(prefix string, site Site, width int) []ml.Param {
	out := []ml.Param{gain(prefix, width)}
	if b.bias {
		out = append(out, bias(prefix, width))
	}
	alpha := scalar(prefix+".alpha", b.alpha.at(site))
	alpha.LearningRate = b.rate
	out = append(out, alpha)
	if b.blend != nil {
		out = append(out, ml.Param{Path: prefix + sigma, Role: ml.RoleBuffer, Init: ml.Init{Value: 1}})
	}
	if b.asinh != nil {
		out = append(out, scalar(prefix+".asinh", b.asinh.Scale))
	}
	return out
}

// apply is γ f(α x) + β, x being blended and compressed first where asked.
func (b bounded) apply(x *Node, prefix string, vars ml.Vars, f func(*Node) *Node) *Node {
	vars.Tap(prefix+Input, x)
	if b.blend != nil {
		x = b.blend.apply(x, vars.At(prefix+sigma))
	}
	if b.asinh != nil {
		scale := vars.At(prefix + ".asinh")
		x = Div(express.Asinh(Mul(x, scale)), scale)
	}
	y := f(Mul(x, vars.At(prefix+".alpha")))
	y = Mul(row(vars.At(prefix+".gamma"), y), y)
	if b.bias {
		y = Add(y, row(vars.At(prefix+".beta"), y))
	}
	vars.Tap(prefix+Output, y)
	return y
}

func (b bounded) validate() diag.List {
	list := b.alpha.validate("alpha")
	wrong := func(path diag.Path, detail string, args ...any) {
		list = append(list, diag.Errorf(path, "Out of range", detail, args...)...)
	}
	if b.rate < 0 {
		wrong(diag.Path{"alpha_learning_rate"}, "alpha_learning_rate must be above 0, or 0 for the optimizer's, not %v.", b.rate)
	}
	if e := b.blend; e != nil {
		if e.Lambda < 0 || e.Lambda > 1 {
			wrong(diag.Path{"ema_blend", "lambda"}, "lambda must be between 0 (only x) and 1 (only x over its deviation), not %v.", e.Lambda)
		}
		if e.Momentum <= 0 || e.Momentum > 1 {
			wrong(diag.Path{"ema_blend", "momentum"}, "momentum must be above 0 and at most 1, not %v: it is the newest step's share.", e.Momentum)
		}
	}
	if b.asinh != nil && b.asinh.Scale <= 0 {
		wrong(diag.Path{"asinh", "scale"}, "scale must be above 0, not %v.", b.asinh.Scale)
	}
	return list
}

// EMABlend gives a bounded norm back a part of what it lost, the scale of its
// input: x becomes (1 − λ) x + λ x / σ (arXiv 2604.01563, eq. 1). σ is one
// running standard deviation at each site, over all elements of all
// micro-batches of a step; it starts at 1, follows after each step with
// σ ← (1 − m) σ + m std(x), takes no gradient and is constant in evaluations.
type EMABlend struct {
	Lambda   float64 `hcl:"lambda,optional" doc:"λ, the share of x / σ."`
	Momentum float64 `hcl:"momentum,optional" doc:"m, the share of the newest step in σ."`
}

// SetDefaults fills an ema_blend block.
func (e *EMABlend) SetDefaults() { *e = EMABlend{Lambda: 0.9, Momentum: 0.5} }

func (e *EMABlend) apply(x, sigma *Node) *Node {
	return Add(MulScalar(x, 1-e.Lambda), Div(MulScalar(x, e.Lambda), StopGradient(sigma)))
}

// minSigma keeps a constant input from an infinite scale.
const minSigma = 1e-6

// refresh moves σ towards the standard deviation of all that was seen.
func (e *EMABlend) refresh(value *Node, seen []*Node) *Node {
	std := MaxScalar(Sqrt(express.Pooled(seen)), minSigma)
	return Add(MulScalar(value, 1-e.Momentum), MulScalar(std, e.Momentum))
}

// Asinh compresses the input of a bounded norm: x becomes asinh(b x) / b with a
// learnt scalar b (arXiv 2604.01563, table 4).
type Asinh struct {
	Scale float64 `hcl:"scale,optional" doc:"Start value of b."`
}

// SetDefaults fills an asinh block.
func (a *Asinh) SetDefaults() { a.Scale = 1 }
