//go:build xla && cgo && linux

package train

import (
	"errors"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
	"github.com/gomlx/go-xla/stablehlo"

	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
	"ablate/stages/model"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
)

// seen is a program as XLA gets it.
type seen struct {
	text    string // StableHLO
	aliased int64  // bytes of inputs whose memory outputs take
	memory  int64  // bytes that the program takes on its device
}

// observing wraps a backend of XLA and shows its programs.
type observing struct {
	compute.Backend
	compile bool
	seen    *seen
}

var errNotCompiled = errors.New("not compiled")

// InPlace implements ml.InPlacer.
func (b observing) InPlace(n int) compute.Backend {
	b.Backend = b.Backend.(ml.InPlacer).InPlace(n)
	return b
}

// Builder implements compute.Backend.
func (b observing) Builder(name string) compute.Builder {
	return observed{b.Backend.Builder(name), b.compile, b.seen}
}

type observed struct {
	compute.Builder
	compile bool
	seen    *seen
}

// Compile implements compute.Builder.
func (b observed) Compile() (e compute.Executable, err error) {
	if b.compile {
		if e, err = b.Builder.Compile(); err != nil {
			return nil, err
		}
		b.seen.aliased = hidden[*pjrt.LoadedExecutable](e, "exec").OnDeviceMemoryUsageStats.Aliases
		b.seen.memory = backend.MemoryOf(e)
	}
	inner := reflect.ValueOf(b.Builder).Elem().FieldByName("Builder").Interface().(*xla.Builder)
	if err := b.Builder.(interface{ Alias() error }).Alias(); err != nil {
		return nil, err
	}
	raw, err := hidden[*stablehlo.Builder](inner, "builder").Build()
	b.seen.text = string(raw)
	if err == nil && !b.compile {
		err = errNotCompiled
	}
	return e, err
}

// hidden reads a field that go-xla does not export.
func hidden[T any](from any, field string) T {
	f := reflect.ValueOf(from).Elem().FieldByName(field)
	return *(*T)(unsafe.Pointer(f.UnsafeAddr()))
}

// look shows a program, which it compiles if asked to.
func look(t *testing.T, p ml.Program, compile bool) seen {
	t.Helper()
	b, err := backend.Open("xla:cpu", 1)
	if err != nil {
		t.Fatal(err)
	}
	var s seen
	_, err = ml.Compile(observing{b, compile, &s}, p)
	if compile && err != nil || s.text == "" {
		t.Fatal(err)
	}
	return s
}

// forCUDA is go-xla's backend as it is on an NVIDIA GPU, without a plugin. It can
// build programs, and cannot compile them.
func forCUDA() compute.Backend {
	set := func(in any, field string, v any) {
		f := reflect.ValueOf(in).Elem().FieldByName(field)
		reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem().Set(reflect.ValueOf(v))
	}
	plugin, b := &pjrt.Plugin{}, &xla.Backend{}
	set(plugin, "name", "cuda")
	set(b, "plugin", plugin)
	set(b, "pluginName", "cuda")
	claims := xla.Capabilities.Clone()
	claims.Operations = xlaOperations(true)
	set(b, "capabilities", claims)
	return backend.InPlace(b)
}

// On a GPU, cuDNN computes attention forwards and backwards, and no scores of all
// pairs of positions exist.
func TestXLAFusedAttention(t *testing.T) {
	var s seen
	r := cudnnRecipe("cudnn", 4, 2)
	_, err := ml.Compile(observing{forCUDA(), false, &s}, r.step())
	forward, backward := strings.Count(s.text, "__cudnn$fmhaSoftmax\""), strings.Count(s.text, "__cudnn$fmhaSoftmaxBackward\"")
	if want := 2 * r.accumulate; forward != want || backward != want {
		t.Errorf("%d layers and micro-batches have %d and %d calls of cuDNN (%v)", want, forward, backward, err)
	}
	if strings.Contains(s.text, "x24x24x") {
		t.Error("the program has scores")
	}
}

// The state exists once: every tensor of it is updated in place.
func TestXLAStateInPlace(t *testing.T) {
	RequireXLA(t)
	r := launchRecipes()["running statistics"]
	state, tensors := int64(0), len(r.layout())
	for _, p := range r.layout() {
		state += 4 * p.Size()
	}
	for _, p := range []ml.Program{r.step(), r.launch(4)} {
		s := look(t, p, true)
		if n := strings.Count(s.text, "tf.aliasing_output"); n != tensors || s.aliased < state {
			t.Errorf("%s updates %d of %d tensors in place, %d of %d bytes", p.Name, n, tensors, s.aliased, state)
		}
		if s.memory < state {
			t.Errorf("%s takes %d bytes, less than its state has (%d)", p.Name, s.memory, state)
		}
	}
}

var product = regexp.MustCompile(`(?s)"stablehlo.dot_general".*?: \(tensor<([^>]*)>, tensor<([^>]*)>\) -> tensor<([^>]*)>`)

// largeRecipe has the widths of the preset 124m, GPT-2's tokens and two layers.
func largeRecipe(chunk int) *recipe {
	m, clip := &model.Llama{Layers: 2, Width: 768, Heads: 12, RopeTheta: 10000, Tied: true, InitStd: 0.02}, 1.0
	m.Resolve()
	adamw := &optimizer.AdamW{LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1}
	spec := &LM{Accumulate: 1, Precision: "bf16", ClipNorm: &clip, Batch: Batch{2, 128}, LossChunk: chunk}
	return newRecipe(m, norm.Everywhere(&norm.RMSNorm{Eps: 1e-5}), adamw, 50257, spec)
}

// With bf16, no product of the forward or the backward pass has two factors in fp32.
func TestXLAProductsInHalfPrecision(t *testing.T) {
	RequireXLA(t)
	r := largeRecipe(0)
	for _, p := range []ml.Program{r.step(), r.launch(4), r.lower().step(), r.lower().launch(4)} {
		found := product.FindAllStringSubmatch(look(t, p, false).text, -1)
		if len(found) < 20 {
			t.Errorf("%s has %d products", p.Name, len(found))
		}
		for _, f := range found {
			if strings.HasSuffix(f[1], "xf32") && strings.HasSuffix(f[2], "xf32") {
				t.Errorf("%s multiplies %s and %s", p.Name, f[1], f[2])
			}
		}
	}
}

// products are the matrix products of a program for an NVIDIA GPU: their number, the
// bytes of their factors and results, and their axes that cuBLAS has no fast kernel
// for.
type products struct {
	number, bytes int
	odd           []string
}

func productsOf(t *testing.T, p ml.Program) (out products) {
	t.Helper()
	var s seen
	if _, err := ml.Compile(observing{forCUDA(), false, &s}, p); s.text == "" {
		t.Fatal(err)
	}
	for _, f := range product.FindAllStringSubmatch(s.text, -1) {
		out.number++
		for _, tensor := range f[1:] {
			dims := strings.Split(tensor, "x")
			for _, d := range dims[:len(dims)-1] {
				if n, _ := strconv.Atoi(d); n > vocabularyMultiple && n%vocabularyMultiple != 0 {
					out.odd = append(out.odd, tensor)
				}
			}
			out.bytes += int(tensorBytes(tensor))
		}
	}
	return out
}

// tensorBytes is the size of a tensor of a type such as 256x768xbf16.
func tensorBytes(tensor string) int64 {
	dims := strings.Split(tensor, "x")
	size := map[string]int64{"f32": 4, "i32": 4, "bf16": 2, "i1": 1}[dims[len(dims)-1]]
	for _, d := range dims[:len(dims)-1] {
		n, err := strconv.ParseInt(d, 10, 64)
		if err != nil {
			panic(err)
		}
		size *= n
	}
	return size
}

// Lowered for XLA, a program has fewer products that read and write less, and none
// over a vocabulary that is no multiple of 64.
func TestXLALowering(t *testing.T) {
	for _, chunk := range []int{0, 128} {
		r := largeRecipe(chunk)
		plain, lowered := productsOf(t, r.step()), productsOf(t, r.lower().step())
		t.Logf("loss_chunk = %d: %d products of %d bytes, and lowered %d of %d", chunk, plain.number, plain.bytes, lowered.number, lowered.bytes)
		const layers, passes = 2, 3                                             // forwards, and for each factor backwards
		if want := plain.number - layers*passes*(2+1); lowered.number != want { // q, k and v are one, and gate and up
			t.Errorf("%d products become %d, want %d", plain.number, lowered.number, want)
		}
		// The factor in common is read once in the forward pass and once for the gradient
		// of the weights, and its own gradient is written once. Tokens that do not exist
		// have 47 rows in each product over the vocabulary.
		const rows, width, bf16 = 2 * 128, 768, 2
		chunks := 1
		if chunk > 0 {
			chunks = rows / chunk
		}
		want := bf16*layers*passes*(2+1)*rows*width - bf16*passes*47*(rows+width*chunks)
		if got := plain.bytes - lowered.bytes; got != want {
			t.Errorf("the products move %d bytes less, want %d", got, want)
		}
		if len(plain.odd) == 0 || len(lowered.odd) > 0 {
			t.Errorf("products of odd sizes: %v, and lowered %v", plain.odd, lowered.odd)
		}
	}
}

// The lowered program computes what the recorded one does.
func TestXLALoweringAgrees(t *testing.T) {
	RequireXLA(t)
	b, err := backend.Open("xla:cpu", 2)
	if err != nil {
		t.Fatal(err)
	}
	recipes := launchRecipes()
	for name, formula := range map[string]string{"z-loss": "log_z", "mean of the scores": "mean_logit"} {
		r := launchRecipes()["running statistics"]
		r.formula = withSquare(formula)
		recipes[name] = r
	}
	for name, r := range recipes {
		r.chunk = map[string]int{"accumulated, dropout": 7}[name]
		var out [2][]float32
		for i, r := range []*recipe{r, r.lower()} {
			m, err := startedMachine(b, r, 1, initialise(r.layout(), ml.NewStream(0, "init", "1")))
			if err != nil {
				t.Fatal(err)
			}
			out[i] = grouped(t, m, r, 1, 1, 1)
			loss, err := m.evaluate(exampleSteps(r, 0, 1)[0].tokens[:r.batch.Sequences*(r.batch.Length+1)])
			if err != nil {
				t.Fatal(err)
			}
			out[i] = append(out[i], float32(loss))
		}
		worst := 0.0
		for i, want := range out[0] {
			worst = max(worst, math.Abs(float64(out[1][i]-want))/max(1, math.Abs(float64(want))))
		}
		if !(worst < 1e-5) || len(out[0]) != len(out[1]) {
			t.Errorf("%s: lowered, values differ by up to %v", name, worst)
		}
	}
}
