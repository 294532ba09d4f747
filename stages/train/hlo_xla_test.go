//go:build xla && cgo && linux

package train

import (
	"errors"
	"reflect"
	"regexp"
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
	}
	inner := reflect.ValueOf(b.Builder).Elem().FieldByName("Builder").Interface().(*xla.Builder)
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
func forCUDA() *xla.Backend {
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
	return b
}

// wrapped gives a builder the field that observed reads.
type wrapped struct{ *xla.Builder }

type wrapping struct{ *xla.Backend }

// InPlace implements ml.InPlacer.
func (b wrapping) InPlace(int) compute.Backend { return b }

// Builder implements compute.Backend.
func (b wrapping) Builder(name string) compute.Builder {
	return &wrapped{b.Backend.Builder(name).(*xla.Builder)}
}

// On a GPU, cuDNN computes attention forwards and backwards, and no scores of all
// pairs of positions exist.
func TestXLAFusedAttention(t *testing.T) {
	var s seen
	r := cudnnRecipe("cudnn", 4, 2)
	_, err := ml.Compile(observing{wrapping{forCUDA()}, false, &s}, r.step())
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
	}
}

var product = regexp.MustCompile(`(?s)"stablehlo.dot_general".*?: \(tensor<([^>]*)>, tensor<([^>]*)>\) -> tensor<([^>]*)>`)

// With bf16, no product of the forward or the backward pass has two factors in fp32.
func TestXLAProductsInHalfPrecision(t *testing.T) {
	RequireXLA(t)
	m, clip := &model.Llama{Layers: 2, Width: 768, Heads: 12, RopeTheta: 10000, Tied: true, InitStd: 0.02}, 1.0
	m.Resolve()
	adamw := &optimizer.AdamW{LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1}
	spec := &LM{Accumulate: 1, Precision: "bf16", ClipNorm: &clip, Batch: Batch{2, 128}}
	r := newRecipe(m, norm.Everywhere(&norm.RMSNorm{Eps: 1e-5}), adamw, 50257, spec)
	for _, p := range []ml.Program{r.step(), r.launch(4)} {
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
