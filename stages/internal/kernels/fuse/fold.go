package fuse

import (
	"github.com/gomlx/compute"

	"ablate/stages/internal/kernels/hook"
)

// maxFolded is the largest constant, in elements, that FoldConstants makes.
const maxFolded = 1 << 22

// foldable are the operations that FoldConstants computes.
var foldable = map[compute.OpType]bool{
	compute.OpTypeIota: true, compute.OpTypeReshape: true, compute.OpTypeWhere: true, compute.OpTypeConvertDType: true,
	compute.OpTypeAdd: true, compute.OpTypeSub: true, compute.OpTypeMul: true, compute.OpTypeDiv: true, compute.OpTypePow: true,
	compute.OpTypeNeg: true, compute.OpTypeExp: true, compute.OpTypeLog: true, compute.OpTypeSqrt: true,
	compute.OpTypeCos: true, compute.OpTypeSin: true, compute.OpTypeLessOrEqual: true, compute.OpTypeGreaterOrEqual: true,
}

// FoldConstants computes what depends on no input, with the executors that would
// compute it at every step.
func (g *Graph) FoldConstants() {
	backend := g.function.Backend()
	for _, n := range g.Live {
		execute := hook.Executors[n.OpType]
		if !foldable[n.OpType] || n.Shape.Size() > maxFolded || execute == nil {
			continue
		}
		inputs, ok := constants(n.Inputs)
		if !ok {
			continue
		}
		result, err := execute(backend, n, inputs, make([]bool, len(inputs)))
		if err != nil {
			continue // it fails again at execution, which reports the error
		}
		g.function.SetConstant(n, result)
	}
	g.Refresh()
}

// constants returns the values of nodes, if all are constants.
func constants(nodes []*hook.Node) ([]*hook.Buffer, bool) {
	values := make([]*hook.Buffer, len(nodes))
	for i, n := range nodes {
		var ok bool
		if values[i], ok = n.Constant(); !ok {
			return nil, false
		}
	}
	return values, true
}
