package kernels

import (
	"cmp"
	"reflect"
	"runtime"
	"slices"
	"unsafe"

	"github.com/gomlx/compute"
)

// opProduct is an operation of the enumeration that the backend has no executor
// for; here it stands for a product with strided factors.
const opProduct = compute.OpTypeBlockForDotGeneral

// product is a batch of matrix products c = a b.
type product struct {
	m, n, k int
	a, b, c matrix // strides only
	at      [2]int // where a and b begin
	batch   []loop
	swap    bool // a is the second input
}

// loop repeats a product over further elements of the three matrices.
type loop struct{ size, a, b, c int }

// products replaces the matrix products that can run in tiles by nodes that read
// their factors, and write their results, as they lie: without transposes before
// or after.
func (g *rewriting) products() {
	if !hasTiles {
		return
	}
	for _, n := range slices.Clone(g.live) {
		if n.OpType != compute.OpTypeDotGeneral || !isFloat(n) || !isFloat(n.Inputs[0]) || !isFloat(n.Inputs[1]) {
			continue
		}
		to, where := g.placed(n)
		inputs, p, ok := g.plan(n, where)
		if !ok {
			to, where = n, contiguous(n.Shape.Dimensions)
			if inputs, p, ok = g.plan(n, where); !ok {
				continue
			}
		}
		fresh := g.add(to, opProduct, inputs, p)
		for _, in := range inputs {
			g.users[in] = append(g.users[in], fresh)
		}
		g.replace(to, fresh)
		g.fixed[fresh] = true
	}
	g.refresh()
}

// plan finds a product's strides. Factors that do not lie evenly along what is
// summed are taken as their own node has them.
func (g *rewriting) plan(n *node, where view) ([]*node, *product, bool) {
	for direct := range 4 {
		inputs := make([]*node, 2)
		views := make([]view, 2)
		for i, in := range n.Inputs {
			if direct>>i&1 == 0 {
				inputs[i], views[i] = g.seen(in)
			} else {
				inputs[i], views[i] = in, contiguous(in.Shape.Dimensions)
			}
		}
		if p, ok := strides(n, views, where); ok {
			return inputs, p, true
		}
	}
	return nil, nil, false
}

// strides is the product of node n with factors seen as views and a result at
// where, in axes [batch, m, n].
func strides(n *node, views []view, where view) (*product, bool) {
	a, b := sides(n, "LHS", views[0]), sides(n, "RHS", views[1])
	p := &product{}
	ks, kStrides, ok1 := aligned(a.sum, b.sum)
	bs, bStrides, ok2 := aligned(a.batch, b.batch, where.axes[0])
	ms, mStrides, ok3 := aligned(a.own, where.axes[1])
	ns, nStrides, ok4 := aligned(b.own, where.axes[2])
	if !ok1 || !ok2 || !ok3 || !ok4 || len(ks) > 1 {
		return nil, false
	}
	p.m, p.n, p.k = 1, 1, 1
	if len(ks) == 1 {
		p.k, p.a.col, p.b.row = ks[0], kStrides[0][0], kStrides[0][1]
	}
	for i, s := range bs {
		p.batch = append(p.batch, loop{s, bStrides[i][0], bStrides[i][1], bStrides[i][2]})
	}
	for i, s := range ms {
		if i == len(ms)-1 {
			p.m, p.a.row, p.c.row = s, mStrides[i][0], mStrides[i][1]
		} else {
			p.batch = append(p.batch, loop{s, mStrides[i][0], 0, mStrides[i][1]})
		}
	}
	for i, s := range ns {
		if i == len(ns)-1 {
			p.n, p.b.col, p.c.col = s, nStrides[i][0], nStrides[i][1]
		} else {
			p.batch = append(p.batch, loop{s, 0, nStrides[i][0], nStrides[i][1]})
		}
	}
	p.at = [2]int{views[0].at, views[1].at}
	// Columns of the result must lie together, and are padded to more than rows.
	turns := p.m == 1 || p.c.row == 1
	switch {
	case p.n > 1 && p.c.col != 1 && !turns:
		return nil, false
	case p.n > 1 && p.c.col != 1, p.n < tileRows && p.m > p.n && turns:
		p.turn()
	}
	// The same b one time after the other is packed once.
	slices.SortStableFunc(p.batch, func(x, y loop) int { return cmp.Compare(min(y.b, 1), min(x.b, 1)) })
	return p, true
}

// turn makes it the product of the transposed factors in the other order.
func (p *product) turn() {
	flip := func(m matrix) matrix { return matrix{row: m.col, col: m.row} }
	p.m, p.n = p.n, p.m
	p.a, p.b, p.c = flip(p.b), flip(p.a), flip(p.c)
	for i, l := range p.batch {
		p.batch[i] = loop{l.size, l.b, l.a, l.c}
	}
	p.at[0], p.at[1] = p.at[1], p.at[0]
	p.swap = true
}

// side is a factor's axes by what happens to them.
type side struct{ batch, own, sum []part }

func sides(n *node, prefix string, v view) side {
	data := reflect.ValueOf(n.Data).Elem()
	axes := func(name string) []int { return data.FieldByName(prefix + name).Interface().([]int) }
	var s side
	sum, batch := axes("ContractingAxes"), axes("BatchAxes")
	for _, axis := range sum {
		s.sum = append(s.sum, v.axes[axis]...)
	}
	for _, axis := range batch {
		s.batch = append(s.batch, v.axes[axis]...)
	}
	for axis, parts := range v.axes {
		if !slices.Contains(sum, axis) && !slices.Contains(batch, axis) {
			s.own = append(s.own, parts...)
		}
	}
	return s
}

func execProduct(backend unsafe.Pointer, n *node, inputs []*buffer, _ []bool) (*buffer, error) {
	out, err := getBuffer(backend, n.Shape)
	if err != nil {
		return nil, err
	}
	p := n.Data.(*product)
	a, b := inputs[0].Flat.([]float32), inputs[1].Flat.([]float32)
	if p.swap {
		a, b = b, a
	}
	p.run(out.Flat.([]float32), a, b)
	return out, nil
}

// run shares the work by whole products where there are enough, and else one
// product by columns of b or rows of a.
func (p *product) run(c, a, b []float32) {
	count := 1
	for _, l := range p.batch {
		count *= l.size
	}
	ca, cb, cc := p.a, p.b, p.c
	ca.x, cb.x, cc.x = a[p.at[0]:], b[p.at[1]:], c
	// An element costs about as much as 50 terms of a product.
	each := max(1, p.m*p.n*p.k/50)
	one := func(i int) (a, b, c matrix) {
		var da, db, dc int
		for k := len(p.batch) - 1; k >= 0; k-- {
			l := p.batch[k]
			j := i % l.size
			i /= l.size
			da, db, dc = da+j*l.a, db+j*l.b, dc+j*l.c
		}
		return matrix{ca.x[da:], ca.row, ca.col}, matrix{cb.x[db:], cb.row, cb.col}, matrix{cc.x[dc:], cc.row, cc.col}
	}
	if count >= 2*runtime.GOMAXPROCS(0) {
		parallel(count, each, func(from, to int) {
			working(func(w *workspace) {
				for i := from; i < to; i++ {
					a, b, c := one(i)
					w.multiply(c, a, b, p.m, p.n, p.k)
				}
			})
		})
		return
	}
	for i := range count {
		a, b, c := one(i)
		p.share(a, b, c, each)
	}
}

// share shares a product among the cores. Equal parts of many columns are best:
// each core packs its own part of b, and reads all of a. With rows of a, of which
// there must be many, each core packs all of b. What is neither is shared by few
// columns at a time, for the sake of balance.
func (p *product) share(a, b, c matrix, each int) {
	panels, cores := (p.n+panelWidth-1)/panelWidth, runtime.GOMAXPROCS(0)
	equal := panels%cores == 0 || panels >= 16*cores
	most := partsEach
	switch {
	case equal && panels >= 4*cores:
		most = 1
	case p.m >= 4*blockRows, panels == 1:
		strips := (p.m + tileRows - 1) / tileRows
		shared(strips, each/strips, 1, func(from, to int) {
			first, end := from*tileRows, min(to*tileRows, p.m)
			working(func(w *workspace) { w.multiply(c.from(first, 0), a.from(first, 0), b, end-first, p.n, p.k) })
		})
		return
	}
	shared(panels, each/panels, most, func(from, to int) {
		first, end := from*panelWidth, min(to*panelWidth, p.n)
		working(func(w *workspace) { w.multiply(c.from(0, first), a, b.from(0, first), p.m, end-first, p.k) })
	})
}
