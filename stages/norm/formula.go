package norm

import (
	"context"
	"strings"

	"github.com/gomlx/gomlx/core/graph"

	"ablate/hcl/formula"
	"ablate/pipeline"
	"ablate/stages/internal/express"
	"ablate/stages/internal/ml"
)

// Formula is norm "formula": mathematics that the study declares.
type Formula struct {
	Parameters []Learnt        `hcl:"parameter,named" doc:"A learnt number, or a learnt vector, at each site. Its label is its name in the formulas."`
	Running    []RunningValue  `hcl:"running,named" doc:"A number at each site that follows what the site sees, without a gradient. Its label is its name in the formulas."`
	Let        *formula.Let    `hcl:"let,block" key:"-" json:"-" doc:"Intermediates: names for parts of formulas. The names enter no key."`
	Argument   formula.Formula `hcl:"argument,optional" doc:"What probes call the argument."`
	Saturated  float64         `hcl:"saturated_above,optional" doc:"The size of the argument above which probes call an element saturated; 0 for none."`
	Y          formula.Formula `hcl:"y" doc:"The result, a formula of x and the names above."`
}

// Learnt is something that a formula learns.
type Learnt struct {
	Name         string  `hcl:"name,label" doc:"Its name."`
	Shape        string  `hcl:"shape,optional" doc:"\"scalar\", or \"width\" for a vector with a number for each column."`
	Start        Sites   `hcl:"start,optional" doc:"Start value: one number, or one for each site."`
	LearningRate float64 `hcl:"learning_rate,optional" doc:"Its learning rate, before the schedule's factor. Default: the optimizer's."`
	Track        bool    `hcl:"track,optional" doc:"Whether probes show it and its gradient, as they show alpha."`
}

// SetDefaults fills a parameter block.
func (p *Learnt) SetDefaults() { p.Shape = "scalar" }

// RunningValue is a number that follows what a site sees.
type RunningValue struct {
	Name  string          `hcl:"name,label" doc:"Its name."`
	Let   *formula.Let    `hcl:"let,block" key:"-" json:"-" doc:"Intermediates of its formulas. Their names enter no key."`
	Start float64         `hcl:"start,optional" doc:"Start value."`
	Of    formula.Formula `hcl:"of,optional" doc:"A number that is taken of each micro-batch of x. Without it there is no seen."`
	Next  formula.Formula `hcl:"next" doc:"The value after a step, a formula of the running values before it, of parameters, and of seen, the mean of of over the micro-batches."`
}

// FormulaNames implements spec.FormulaNamer.
func (n *Formula) FormulaNames() []string { return []string{"x"} }

// FormulaNames implements spec.FormulaNamer.
func (r *RunningValue) FormulaNames() []string { return []string{"seen"} }

const width = "width" // the shape of a vector

// Params implements Norm.
func (n *Formula) Params(prefix string, site Site, columns int) []ml.Param {
	var out []ml.Param
	for _, p := range n.Parameters {
		q := scalar(prefix+"."+p.Name, p.Start.at(site))
		q.LearningRate = p.LearningRate
		if p.Shape == width {
			q.Shape, q.Role = []int{columns}, ml.RoleVector
		}
		out = append(out, q)
	}
	for _, r := range n.Running {
		out = append(out, ml.Param{Path: prefix + "." + r.Name, Role: ml.RoleBuffer, Init: ml.Init{Value: r.Start}})
	}
	return out
}

// names returns the parameters and running values of a site.
func (n *Formula) names(prefix string, vars ml.Vars) map[string]express.Value {
	m := make(map[string]express.Value)
	for _, p := range n.Parameters {
		m[p.Name] = express.Tensor(p.kind(), vars.At(prefix+"."+p.Name))
	}
	for _, r := range n.Running {
		m[r.Name] = express.Tensor(formula.Scalar, graph.StopGradient(vars.At(prefix+"."+r.Name)))
	}
	return m
}

func (p *Learnt) kind() formula.Type {
	if p.Shape == width {
		return formula.Width
	}
	return formula.Scalar
}

// Apply implements Norm.
func (n *Formula) Apply(x *graph.Node, prefix string, vars ml.Vars) *graph.Node {
	vars.Tap(prefix+Input, x)
	names := n.names(prefix, vars)
	names["x"] = express.Tensor(formula.Element, x)
	b := express.One(x.Graph(), names)
	y := b.Float32(n.Y)
	if !n.Argument.IsZero() && vars.Watching() {
		vars.Tap(prefix+Argument, b.Float32(n.Argument))
	}
	vars.Tap(prefix+Output, y)
	return y
}

// Refresh implements Running.
func (n *Formula) Refresh(path string, vars ml.Vars, seen []*graph.Node) *graph.Node {
	dot := strings.LastIndexByte(path, '.')
	prefix, name := path[:dot], path[dot+1:]
	g := vars.At(path).Graph()
	one := express.One(g, n.names(prefix, vars))
	for _, r := range n.Running {
		if r.Name != name {
			continue
		}
		if !r.Of.IsZero() {
			one.Names["seen"] = []express.Value{express.Tensor(formula.Scalar, n.seen(r.Of, one, seen))}
		}
		return one.Float32(r.Next)
	}
	panic("norm: no running value at " + path)
}

// seen is the mean of a number over the micro-batches of a step.
func (n *Formula) seen(of formula.Formula, one *express.Builder, xs []*graph.Node) *graph.Node {
	b := express.New(one.Graph, len(xs), formula.Tensor)
	b.Joint = map[string]express.Joint{"pooled_std": b.PooledStd}
	for name, v := range one.Names {
		b.Names[name] = v
	}
	for _, x := range xs {
		b.Names["x"] = append(b.Names["x"], express.Tensor(formula.Element, x))
	}
	var sum *graph.Node
	values := b.Build(of)
	for _, v := range values {
		sum = ml.Plus(sum, v.Float32(b.Graph))
	}
	if len(values) > 1 {
		sum = graph.DivScalar(sum, float64(len(values)))
	}
	return sum
}

// Threshold implements Saturating.
func (n *Formula) Threshold() float64 { return n.Saturated }

// Tracked implements Tracking.
func (n *Formula) Tracked() []string {
	var out []string
	for _, p := range n.Parameters {
		if p.Track {
			out = append(out, p.Name)
		}
	}
	return out
}

// Describe implements pipeline.Stage.
func (n *Formula) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return describe(n, in, "formula")
}

// Run implements pipeline.Stage.
func (n *Formula) Run(_ context.Context, env *pipeline.Env) error { return env.WriteDefinition(n) }
