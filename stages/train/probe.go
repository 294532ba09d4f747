package train

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"ablate/cache"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/record"
)

// Probe is the schedule of measurements inside the model.
type Probe struct {
	Every int `hcl:"every,optional" doc:"Steps between looks, and one at the last step; 0 for never."`
}

// powerIterations is the number of iterations for a spectral norm. The result is a
// lower bound, within a few percent for spectra that are dense at the top and much
// closer for spectra with a dominant direction.
const powerIterations = 12

// probe is the program that measures a state on one batch of validation text. Its
// output has one number for each of its readings, in their order.
type probe struct {
	recipe   *recipe
	readings []reading
}

// reading is one number of a probe.
type reading struct{ path, quantity string }

// name is the name of a reading in rows.
func (r reading) name() string { return r.path + " " + r.quantity }

// program builds the probe. Inputs: parameters, tokens [B, L] (int32). Output:
// one vector with all readings.
func (p *probe) program() ml.Program {
	r := p.recipe
	inputs := append(r.inputs(r.params),
		ml.Input{Name: "tokens", Shape: []int{r.batch.Sequences, r.batch.Length + 1}, DType: dtypes.Int32})
	build := func(in []*Node) []*Node {
		p.readings = nil
		params, tokens_BL := in[:len(in)-1], in[len(in)-1]
		seen := make(taps)
		loss := r.loss(tokens_BL, r.vars(params).Watched(seen.add), true)
		var values []*Node
		take := func(path, quantity string, v *Node) {
			p.readings = append(p.readings, reading{path, quantity})
			values = append(values, Reshape(v, 1))
		}
		p.slopes(take, params, loss)
		p.activations(take, seen)
		p.weights(take, params)
		return []*Node{Concatenate(values, 0)}
	}
	return ml.Program{Name: "probe", Inputs: inputs, Build: build}
}

// fingerprint covers the program and the names of its readings, which are not part
// of the program.
func (p *probe) fingerprint() (cache.Digest, error) {
	d, err := ml.Fingerprint(p.program())
	if err != nil {
		return cache.Digest{}, err
	}
	names := make([]cache.Value, len(p.readings))
	for i, r := range p.readings {
		names[i] = cache.String(r.name())
	}
	return cache.Digest(cache.List(cache.DigestValue(d), cache.List(names...)).Key("ablate probe v1")), nil
}

// tracked reports whether the parameter of a name in a norm is taken.
func tracked(n norm.Norm, name string) bool {
	if t, ok := n.(norm.Tracking); ok {
		return slices.Contains(t.Tracked(), name)
	}
	return n != nil && name == "alpha"
}

// slopes adds every tracked parameter, such as α, and its gradient.
func (p *probe) slopes(take func(path, quantity string, v *Node), params []*Node, loss *Node) {
	var alphas []*Node
	var paths []reading
	for i, q := range p.recipe.params {
		dot := strings.LastIndexByte(q.Path, '.')
		if dot < 0 || len(q.Shape) > 0 || q.Role == ml.RoleBuffer {
			continue
		}
		if tracked(p.recipe.norms.Of(q.Path), q.Path[dot+1:]) {
			alphas, paths = append(alphas, params[i]), append(paths, reading{q.Path[:dot], q.Path[dot+1:]})
		}
	}
	if len(alphas) == 0 {
		return
	}
	for i, g := range Gradient(loss, alphas...) {
		take(paths[i].path, paths[i].quantity, alphas[i])
		take(paths[i].path, paths[i].quantity+"_gradient", g)
	}
}

// activations adds statistics of the tapped activations.
func (p *probe) activations(take func(path, quantity string, v *Node), seen taps) {
	paths := make([]string, 0, len(seen))
	for path := range seen {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		x := seen[path][0]
		dot := strings.LastIndexByte(path, '.')
		site := path[:dot]
		switch path[dot:] {
		case norm.Input:
			take(site, "input_std", Sqrt(variance(x)))
			take(site, "input_rms", Sqrt(ReduceAllMean(Mul(x, x))))
		case norm.Argument:
			take(site, "argument_std", Sqrt(variance(x)))
			if s, ok := p.recipe.norms.Of(path).(norm.Saturating); ok && s.Threshold() > 0 {
				take(site, "saturated", ReduceAllMean(ConvertDType(GreaterThan(Abs(x), Scalar(x.Graph(), x.DType(), s.Threshold())), x.DType())))
			}
		case norm.Output:
			take(site, "output_variance", variance(x))
		case model.TopScore:
			take(site, "score_max", x)
		case model.Scores:
			mask_TT := LowerTriangular(x.Graph(), x.Shape().Dimensions[2])
			t := x.Shape().Dimensions[2]
			shown := Where(BroadcastToDims(Reshape(mask_TT, 1, 1, t, t), x.Shape().Dimensions...), x, ZerosLike(x))
			take(site, "score_max", ReduceAllMax(Abs(shown)))
		}
	}
}

// weights adds the norms of every matrix.
func (p *probe) weights(take func(path, quantity string, v *Node), params []*Node) {
	for i, q := range p.recipe.params {
		switch q.Role {
		case ml.RoleMatrix, ml.RoleEmbedding, ml.RoleHead:
			take(q.Path, "frobenius", Sqrt(ReduceAllSum(Mul(params[i], params[i]))))
		}
		if q.Role == ml.RoleMatrix {
			take(q.Path, "spectral", spectral(params[i]))
		}
	}
}

// variance is the population variance of all elements, a scalar.
func variance(x *Node) *Node {
	d := Sub(x, ReduceAllMean(x))
	return ReduceAllMean(Mul(d, d))
}

// spectral is the largest singular value of a matrix [r, c], by power
// iteration of WᵀW from a fixed start.
func spectral(w *Node) *Node {
	cols := w.Shape().Dimensions[1]
	v := Sin(AddScalar(MulScalar(Iota(w.Graph(), shapes.Make(dtypes.Float32, cols), 0), 2.3999632), 1))
	unit := func(x *Node) *Node { return Div(x, MaxScalar(Sqrt(ReduceAllSum(Mul(x, x))), 1e-30)) }
	v = unit(v)
	for range powerIterations {
		u := DotGeneral(w, []int{1}, nil, v, []int{0}, nil)
		v = unit(DotGeneral(u, []int{0}, nil, w, []int{0}, nil))
	}
	u := DotGeneral(w, []int{1}, nil, v, []int{0}, nil)
	return Sqrt(ReduceAllSum(Mul(u, u)))
}

// probeRows writes readings as lines of CSV.
func probeRows(rows []record.Row) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		path, quantity, _ := strings.Cut(r.Name, " ")
		out[i] = fmt.Sprintf("%d,%s,%s,%s\n", r.Step, path, quantity, strconv.FormatFloat(r.Value, 'g', -1, 32))
	}
	return out
}
