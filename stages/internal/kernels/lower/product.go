package lower

import (
	"cmp"
	"slices"

	"github.com/gomlx/compute"

	"ablate/stages/internal/kernels/fuse"
	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/layout"
	"ablate/stages/internal/kernels/simd"
)

// Product is the data of a node of operation hook.OpProduct.
type Product struct {
	simd.Product
	Swapped bool // the factor a is the second input
}

// Products replaces matrix products by nodes that read their factors and write
// their results in place, without transposes before or after.
func Products(g *fuse.Graph, triangles *fuse.Triangles) {
	if !simd.HasTiles {
		return
	}
	for _, n := range slices.Clone(g.Live) {
		if n.OpType != compute.OpTypeDotGeneral || !fuse.IsFloat(n) || !fuse.IsFloat(n.Inputs[0]) || !fuse.IsFloat(n.Inputs[1]) {
			continue
		}
		rounding, rounded := g.Rounding(n)
		if rounded = rounded && g.RoundsFactors(n); rounded {
			g.Bypass(rounding)
		}
		to, result := g.Destination(n)
		inputs, p, ok := plan(g, n, result)
		if !ok {
			to, result = n, layout.Contiguous(n.Shape.Dimensions)
			switch inputs, p, ok = plan(g, n, result); {
			case !ok && rounded:
				panic("lower: a product of bfloat16 factors has no strides")
			case !ok:
				continue
			}
		}
		p.Half, p.Rounded = g.RoundsFactors(n), rounded
		p.Part = part(triangles, n, p)
		g.Replace(to, g.AddOpaque(to, hook.OpProduct, inputs, p))
	}
	g.Refresh()
}

// part returns which part of a product's matrices need not be computed.
func part(t *fuse.Triangles, n *hook.Node, p *Product) simd.Triangle {
	axes, _ := n.DotAxes()
	from, terms, batch := n.Inputs[0], axes.LHSContracting, axes.LHSBatch
	if p.Swapped {
		from, terms, batch = n.Inputs[1], axes.RHSContracting, axes.RHSBatch
	}
	rank, extent := n.Shape.Rank(), n.Shape.Dimensions
	s, zero := t.Zero(from)
	// The two axes that are not of the batch are rows and terms.
	if zero && len(terms) == 1 && p.M == p.K && from.Shape.Rank() == len(batch)+2 && !slices.Contains(batch, s.Row) && !slices.Contains(batch, s.Column) {
		switch terms[0] {
		case s.Column:
			return simd.LowerFactor
		case s.Row:
			return simd.UpperFactor
		}
	}
	if !p.Swapped && rank == len(axes.LHSBatch)+2 && p.M == p.N && p.M == extent[rank-2] && t.Ignored(n, fuse.Square{Row: rank - 2, Column: rank - 1}) {
		return simd.LowerResult
	}
	return simd.Whole
}

// plan finds a product's strides. It looks through the rearrangements of both
// factors, of either, or of none, until the contracted axes are evenly spaced.
func plan(g *fuse.Graph, n *hook.Node, result layout.Strided) ([]*hook.Node, *Product, bool) {
	axes, ok := n.DotAxes()
	if !ok {
		return nil, nil, false
	}
	for direct := range 4 {
		inputs := make([]*hook.Node, 2)
		layouts := make([]layout.Strided, 2)
		for i, in := range n.Inputs {
			if direct>>i&1 == 0 {
				inputs[i], layouts[i] = g.View(in)
			} else {
				inputs[i], layouts[i] = in, layout.Contiguous(in.Shape.Dimensions)
			}
		}
		if p, ok := strided(axes, layouts[0], layouts[1], result); ok {
			return inputs, p, true
		}
	}
	return nil, nil, false
}

// strided returns the product of factors with layouts a and b. The axes of the
// result are [batch, m, n].
func strided(axes hook.DotAxes, a, b, result layout.Strided) (*Product, bool) {
	fa, fb := factorOf(a, axes.LHSContracting, axes.LHSBatch), factorOf(b, axes.RHSContracting, axes.RHSBatch)
	terms, termStrides, ok1 := layout.Align(fa.contracted, fb.contracted)
	batch, batchStrides, ok2 := layout.Align(fa.batch, fb.batch, result.Axes[0])
	rows, rowStrides, ok3 := layout.Align(fa.own, result.Axes[1])
	columns, columnStrides, ok4 := layout.Align(fb.own, result.Axes[2])
	if !ok1 || !ok2 || !ok3 || !ok4 || len(terms) > 1 {
		return nil, false
	}
	p := &Product{Product: simd.Product{M: 1, N: 1, K: 1, Offsets: [2]int{a.Offset, b.Offset}}}
	if len(terms) == 1 {
		p.K, p.A.Col, p.B.Row = terms[0], termStrides[0][0], termStrides[0][1]
	}
	for i, extent := range batch {
		p.Batch = append(p.Batch, simd.Loop{Extent: extent, A: batchStrides[i][0], B: batchStrides[i][1], C: batchStrides[i][2]})
	}
	for i, extent := range rows {
		if i == len(rows)-1 {
			p.M, p.A.Row, p.C.Row = extent, rowStrides[i][0], rowStrides[i][1]
		} else {
			p.Batch = append(p.Batch, simd.Loop{Extent: extent, A: rowStrides[i][0], C: rowStrides[i][1]})
		}
	}
	for i, extent := range columns {
		if i == len(columns)-1 {
			p.N, p.B.Col, p.C.Col = extent, columnStrides[i][0], columnStrides[i][1]
		} else {
			p.Batch = append(p.Batch, simd.Loop{Extent: extent, B: columnStrides[i][0], C: columnStrides[i][1]})
		}
	}
	return p, p.orient()
}

// orient makes the columns of the result contiguous, and more than its rows, since tiles
// are wider than they are high. It reports false where that is not possible.
func (p *Product) orient() bool {
	canSwap := p.M == 1 || p.C.Row == 1
	switch {
	case p.N > 1 && p.C.Col != 1 && !canSwap:
		return false
	case p.N > 1 && p.C.Col != 1, p.N < simd.TileRows && p.M > p.N && canSwap:
		p.swap()
	}
	// Products with the same b come one after the other, so that it is packed once.
	slices.SortStableFunc(p.Batch, func(x, y simd.Loop) int { return cmp.Compare(min(y.B, 1), min(x.B, 1)) })
	return true
}

// swap makes it the product of the transposed factors in the other order.
func (p *Product) swap() {
	transposed := func(s simd.Strides) simd.Strides { return simd.Strides{Row: s.Col, Col: s.Row} }
	p.M, p.N = p.N, p.M
	p.A, p.B, p.C = transposed(p.B), transposed(p.A), transposed(p.C)
	for i, l := range p.Batch {
		p.Batch[i] = simd.Loop{Extent: l.Extent, A: l.B, B: l.A, C: l.C}
	}
	p.Offsets[0], p.Offsets[1] = p.Offsets[1], p.Offsets[0]
	p.Swapped = true
}

// factor has the dims of a factor by their role in the product.
type factor struct{ batch, own, contracted []layout.Dim }

func factorOf(l layout.Strided, contracting, batch []int) factor {
	var f factor
	for _, axis := range contracting {
		f.contracted = append(f.contracted, l.Axes[axis]...)
	}
	for _, axis := range batch {
		f.batch = append(f.batch, l.Axes[axis]...)
	}
	for axis, dims := range l.Axes {
		if !slices.Contains(contracting, axis) && !slices.Contains(batch, axis) {
			f.own = append(f.own, dims...)
		}
	}
	return f
}
