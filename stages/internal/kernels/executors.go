package kernels

import (
	"slices"

	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/lower"
	"ablate/stages/internal/kernels/simd"
)

// product executes hook.OpProduct.
func product(b hook.Backend, n *hook.Node, inputs []*hook.Buffer, _ []bool) (*hook.Buffer, error) {
	out, err := hook.NewBuffer(b, n.Shape)
	if err != nil {
		return nil, err
	}
	p := n.Data.(*lower.Product)
	x, y := inputs[0].Flat.([]float32), inputs[1].Flat.([]float32)
	if p.Swapped {
		x, y = y, x
	}
	p.Run(out.Flat.([]float32), x, y)
	return out, nil
}

// fusion executes hook.OpFusion.
func fusion(b hook.Backend, n *hook.Node, inputs []*hook.Buffer, owned []bool) ([]*hook.Buffer, error) {
	f := n.Data.(*lower.Fusion)
	floats, ints := make([][]float32, len(inputs)), make([][]int32, len(inputs))
	for i, in := range inputs {
		switch x := in.Flat.(type) {
		case []float32:
			floats[i] = x
		case []int32:
			ints[i] = x
		}
	}
	out, flat := make([]*hook.Buffer, len(f.Outputs)), make([][]float32, len(f.Outputs))
	for i, o := range f.Outputs {
		var err error
		if out[i], err = outputBuffer(b, o, inputs, owned); err != nil {
			return nil, err
		}
		flat[i] = out[i].Flat.([]float32)
	}
	f.Program.Run(flat, floats, ints)
	return out, nil
}

// outputBuffer takes over the memory of an input if it may, else it allocates.
func outputBuffer(b hook.Backend, o lower.Output, inputs []*hook.Buffer, owned []bool) (*hook.Buffer, error) {
	for _, i := range o.InPlace {
		if inputs[i] != nil && owned[i] {
			out := inputs[i]
			inputs[i] = nil
			out.RawShape = o.Shape.Clone()
			return out, nil
		}
	}
	return hook.NewBuffer(b, o.Shape)
}

func transpose(fallback hook.Executor) hook.Executor {
	return func(b hook.Backend, n *hook.Node, inputs []*hook.Buffer, owned []bool) (*hook.Buffer, error) {
		x, ok := inputs[0].Float32s()
		permutation, known := n.Axes()
		if !ok || !known || n.Shape.IsDynamic() || len(x) == 0 {
			return fallback(b, n, inputs, owned)
		}
		out, err := hook.NewBuffer(b, n.Shape)
		if err != nil {
			return nil, err
		}
		simd.Transpose(out.Flat.([]float32), x, inputs[0].RawShape.Dimensions, permutation)
		return out, nil
	}
}

func reduction(highest bool) func(hook.Executor) hook.Executor {
	const minElements = 64
	return func(fallback hook.Executor) hook.Executor {
		return func(b hook.Backend, n *hook.Node, inputs []*hook.Buffer, owned []bool) (*hook.Buffer, error) {
			x, ok := inputs[0].Float32s()
			axes, known := n.Axes()
			if !ok || !known || n.Shape.IsDynamic() || len(x) < minElements {
				return fallback(b, n, inputs, owned)
			}
			before, length, after, ok := middleAxis(inputs[0].RawShape.Dimensions, axes)
			if !ok {
				return fallback(b, n, inputs, owned)
			}
			out, err := hook.NewBuffer(b, n.Shape)
			if err != nil {
				return nil, err
			}
			simd.Reduce(out.Flat.([]float32), x, before, length, after, highest)
			return out, nil
		}
	}
}

// middleAxis sees dimensions as three axes, of which the middle one is reduced. It
// reports false if the reduced axes are not adjacent.
func middleAxis(dims, axes []int) (before, length, after int, ok bool) {
	const (
		inBefore = iota
		inLength
		inAfter
	)
	before, length, after = 1, 1, 1
	part := inBefore
	for i, d := range dims {
		if d == 1 {
			continue
		}
		reduced := len(axes) == 0 || slices.Contains(axes, i)
		switch {
		case part == inBefore && !reduced:
			before *= d
		case part != inAfter && reduced:
			part = inLength
			length *= d
		case !reduced:
			part = inAfter
			after *= d
		default:
			return 0, 0, 0, false
		}
	}
	return before, length, after, true
}

// gather copies whole rows of a table, as embeddings do.
func gather(fallback hook.Executor) hook.Executor {
	return func(b hook.Backend, n *hook.Node, inputs []*hook.Buffer, owned []bool) (*hook.Buffer, error) {
		table, ok := inputs[0].Float32s()
		indices, width := rowIndices(inputs[0], inputs[1])
		if !ok || n.Shape.IsDynamic() || n.Shape.Size() != len(indices)*width || width == 0 || !n.GathersRows(width) {
			return fallback(b, n, inputs, owned)
		}
		out, err := hook.NewBuffer(b, n.Shape)
		if err != nil {
			return nil, err
		}
		simd.GatherRows(out.Flat.([]float32), table, indices, width)
		return out, nil
	}
}

// scatter adds rows to those of a table: the gradient of gather.
func scatter(fallback hook.Executor) hook.Executor {
	return func(b hook.Backend, n *hook.Node, inputs []*hook.Buffer, owned []bool) (*hook.Buffer, error) {
		table, ok1 := inputs[0].Float32s()
		rows, ok2 := inputs[2].Float32s()
		indices, width := rowIndices(inputs[0], inputs[1])
		if !ok1 || !ok2 || n.Shape.IsDynamic() || width == 0 || len(rows) != len(indices)*width ||
			!n.ScattersRows(inputs[2].RawShape.Rank()) || !simd.InTable(indices, len(table)/width) {
			return fallback(b, n, inputs, owned)
		}
		out := inputs[0]
		if owned[0] {
			inputs[0] = nil
		} else {
			var err error
			if out, err = hook.NewBuffer(b, n.Shape); err != nil {
				return nil, err
			}
			copy(out.Flat.([]float32), table)
		}
		simd.ScatterRows(out.Flat.([]float32), rows, indices, width)
		return out, nil
	}
}

// rowIndices returns the indices of rows of a table, and their width; the width is
// 0 if the index or the table has another form.
func rowIndices(table, index *hook.Buffer) (indices []int32, width int) {
	indices, ok := index.Flat.([]int32)
	if !ok || table.RawShape.Rank() != 2 {
		return nil, 0
	}
	return indices, table.RawShape.Dimensions[1]
}

// round executes hook.OpRound outside of fusion groups.
func round(b hook.Backend, n *hook.Node, inputs []*hook.Buffer, _ []bool) (*hook.Buffer, error) {
	out, err := hook.NewBuffer(b, n.Shape)
	if err != nil {
		return nil, err
	}
	simd.RoundHalf(out.Flat.([]float32), inputs[0].Flat.([]float32))
	return out, nil
}
