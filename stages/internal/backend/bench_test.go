package backend

import (
	"runtime"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// BenchmarkProduct is one large matrix product on all cores. bench/train compares
// training with its rate.
func BenchmarkProduct(b *testing.B) {
	const n = 1024
	be, err := Open("go", runtime.NumCPU())
	if err != nil {
		b.Fatal(err)
	}
	g := graph.NewGraph(be, "product")
	x := graph.Parameter(g, "x", shapes.Make(dtypes.Float32, n, n))
	y := graph.Parameter(g, "y", shapes.Make(dtypes.Float32, n, n))
	if err := g.Compile(graph.DotGeneral(x, []int{1}, nil, y, []int{1}, nil)); err != nil {
		b.Fatal(err)
	}
	flat := make([]float32, n*n)
	for i := range flat {
		flat[i] = float32(i % 7)
	}
	buf, err := be.BufferFromFlatData(0, flat, shapes.Make(dtypes.Float32, n, n))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		out, err := g.Executable().Execute([]compute.Buffer{buf, buf}, []bool{false, false}, 0)
		if err != nil {
			b.Fatal(err)
		}
		if err := out[0].Finalize(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(2*n*n*n*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
