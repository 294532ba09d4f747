package backend_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"

	"github.com/gomlx/compute"
)

// TestParallelProducts runs large matrix products in independent nodes of a graph,
// which deadlock if the backend runs them at the same time.
func TestParallelProducts(t *testing.T) {
	const n = 384
	p := ml.Program{Name: "products", Inputs: []ml.Input{{Name: "x", Shape: []int{n, n}, DType: dtypes.Float32}},
		Build: func(in []*graph.Node) []*graph.Node {
			var sum *graph.Node
			for i := range 4 {
				y := graph.MatMul(graph.MulScalar(in[0], float64(i)), in[0])
				if sum == nil {
					sum = y
				} else {
					sum = graph.Add(sum, y)
				}
			}
			return []*graph.Node{sum}
		}}
	for _, threads := range []int{1, 2, 4} {
		b, err := backend.Open("go", threads)
		if err != nil {
			t.Fatal(err)
		}
		e, err := ml.Compile(b, p)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			for range 5 {
				x, err := ml.NewBuffer(b, []int{n, n}, make([]float32, n*n))
				if err == nil {
					_, err = e.Run([]compute.Buffer{x}, nil)
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(60 * time.Second):
			t.Fatalf("with %d threads the products take longer than a minute", threads)
		}
	}
}

func TestOpenUnknown(t *testing.T) {
	if _, err := backend.Open("tpu", 1); err == nil || !strings.Contains(err.Error(), `unknown backend "tpu"`) {
		t.Errorf("Open(tpu) = %v", err)
	}
}

func TestClass(t *testing.T) {
	class := backend.Class("go", backend.Numerics{})
	for _, want := range []string{"go ", "kernels=", "go1."} {
		if !strings.Contains(class, want) {
			t.Errorf("Class = %q, want it to hold %q", class, want)
		}
	}
}

func TestConfigureDeterministic(t *testing.T) {
	t.Setenv("XLA_FLAGS", "--xla_dump_to=/tmp/x")
	for range 2 { // the second call changes nothing
		if err := backend.Configure("xla:cpu", true); err != nil {
			t.Fatal(err)
		}
		if got, want := os.Getenv("XLA_FLAGS"), "--xla_dump_to=/tmp/x --xla_gpu_deterministic_ops=true"; got != want {
			t.Errorf("XLA_FLAGS = %q, want %q", got, want)
		}
	}
}
