package simd

import (
	"math"
	"slices"
	"sync"
	"unsafe"
)

// HalfTiles is how a processor multiplies bfloat16 numbers, in tiles of some rows and
// 32 columns.
type HalfTiles struct {
	Name  string // of the instructions, which is part of the numerics class
	Rows  int    // of a tile: at most 32
	Group int    // packed factors have a multiple of so many pairs of terms, with zeros at the end
	// ByRows says that the pairs of a row of a must be contiguous: Group is then a
	// multiple of eight. Else those of a column may be.
	ByRows bool
	// Multiply multiplies strips of rows of a, with am between rows and ak between
	// pairs of terms, by a packed panel, over pairs > 0, into as many rows of c, ldc
	// apart. With add it adds to c.
	Multiply func(c []float32, ldc int, a []uint32, am, ak int, panel []uint32, strips, pairs int, add bool)
}

// Half returns the tiles of this processor, nil if the processor does not multiply
// bfloat16 numbers. The instructions flush subnormal numbers to zero, and each kind
// adds terms in an order of its own, so that their bits differ. They are looked for when
// a program first needs them.
var Half = sync.OnceValue(func() *HalfTiles { return firstExact(processorHalves()) })

// firstExact returns the first tiles that are exact.
func firstExact(tiles []*HalfTiles) *HalfTiles {
	for _, t := range tiles {
		if t.exact() {
			return t
		}
	}
	return nil
}

// exact reports whether tiles multiply small integers without an error, since their
// sums are the same in any order. Few processors have the instructions, and some of
// them are emulated: wrong ones must not train a model.
func (h *HalfTiles) exact() bool {
	const strips, pairs = 2, 32
	rows := strips * h.Rows
	a, c := smallIntegers(2*rows*pairs, 7), smallIntegers(rows*panelWidth, 5)
	b := smallIntegers(2*panelWidth*pairs, 3) // transposed
	words, panel := make([]uint32, rows*pairs), make([]uint32, pairs*panelWidth)
	packRow(words, a, 1, 0, len(a))
	for j := range panelWidth {
		for p := range pairs {
			packRow(panel[p*panelWidth+j:][:1], b[2*(j*pairs+p):], 1, 0, 2)
		}
	}
	want := slices.Clone(c)
	for i := range rows {
		for j := range panelWidth {
			y := b[2*j*pairs:]
			for p, x := range a[2*i*pairs:][:2*pairs] {
				want[i*panelWidth+j] += x * y[p]
			}
		}
	}
	h.Multiply(c, panelWidth, words, pairs, 1, panel, strips, pairs, true)
	return slices.Equal(c, want)
}

// smallIntegers returns n integers around zero, which recur after period of them.
func smallIntegers(n, period int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(i%period - period/2)
	}
	return out
}

// halves is a workspace for products of bfloat16 factors. Factors are float32 in
// memory and are rounded when they are packed: two terms that follow each other
// become one word, the first in its lower half. Blocks of terms are those of other
// products.
type halves struct {
	panels []uint32  // of b: [panels][pairs][32]
	own    []uint32  // memory for panels
	rows   []uint32  // of a block of a, padded with zeros to whole tiles
	turned []uint32  // packed factors before they are transposed
	tile   []float32 // a tile that extends beyond an edge of c
	tiles  *HalfTiles

	rounded bool // results are rounded to bfloat16
	blockwise
}

const (
	panelWidth  = 32 // columns of a tile
	blockPairs  = blockTerms / 2
	maxHalfRows = 32 // of a tile
)

var halfWorkspaces = sync.Pool{New: func() any {
	return &halves{
		own:    make([]uint32, blockPairs*blockWide),
		rows:   make([]uint32, blockPairs*blockRows),
		turned: make([]uint32, blockPairs*blockRows),
		tile:   make([]float32, maxHalfRows*panelWidth),
	}
}}

// withHalves calls f with a workspace for bfloat16 factors. Factors must not
// change meanwhile.
func withHalves(f func(m multiplier)) {
	w := halfWorkspaces.Get().(*halves)
	defer halfWorkspaces.Put(w)
	w.packed, w.kept, w.tiles, w.rounded = wholeFactor{}, nil, Half(), false
	f(w)
}

// pairs returns how many pairs k terms are packed into.
func (h *HalfTiles) pairs(k int) int { return roundUp((k+1)/2, h.Group) }

// multiply implements multiplier.
func (w *halves) multiply(c, a, b matrix, m, n, k int, r region) {
	w.blockwise.multiply(w, blockRows, c, a, b, m, n, k, r)
}

// multiplyRows implements blocks.
func (w *halves) multiplyRows(c, a matrix, m, n, k int, add bool, r region) {
	am, ak := w.packRows(a, m, k, r)
	for j := 0; j < n; j += panelWidth {
		panel, width := w.panels[j*w.tiles.pairs(k):][:panelWidth*w.tiles.pairs(k)], min(panelWidth, n-j)
		for i, rows := 0, 0; i < m; i += rows {
			rows = min(w.tiles.Rows, m-i)
			first, end := r.terms(i, j, rows, k)
			first, end = first/2/w.tiles.Group*w.tiles.Group, w.tiles.pairs(end)
			to, from := c.x[i*c.row+j*c.col:], w.rows[i*am:]
			switch {
			case first >= end && (add || r.unread(i, j, rows)):
			case first >= end:
				clearTile(to, c.row, rows, width)
			case rows < w.tiles.Rows || width < panelWidth:
				w.edge(to, c.row, from[first*ak:], am, ak, panel[first*panelWidth:], rows, width, end-first, add)
			default:
				strips := 1
				if r.Triangle == Whole {
					strips = (m - i) / rows
				}
				w.tiles.Multiply(to, c.row, from[first*ak:], am, ak, panel[first*panelWidth:], strips, end-first, add)
				rows *= strips
			}
		}
		w.finish(c.from(0, j), m, width)
	}
}

// finish implements blocks.
func (w *halves) finish(c matrix, m, n int) {
	if w.rounded && w.last {
		roundRows(c.x, c.row, m, n)
	}
}

// roundRowsLoop is roundRows, with a call for each row.
func roundRowsLoop(x []float32, row, rows, width int) {
	for i := range rows {
		part := x[i*row:][:width]
		RoundHalf(part, part)
	}
}

// edge computes a tile that extends beyond c.
func (w *halves) edge(c []float32, ldc int, a []uint32, am, ak int, panel []uint32, rows, width, pairs int, add bool) {
	if add {
		copyEdge(w.tile, panelWidth, c, ldc, rows, width)
	}
	w.tiles.Multiply(w.tile, panelWidth, a, am, ak, panel, 1, pairs, add)
	copyEdge(c, ldc, w.tile, panelWidth, rows, width)
}

// packRows packs m rows of k terms, with strides am between rows and ak between
// pairs of terms. What a triangle says to be zero is not read.
func (w *halves) packRows(a matrix, m, k int, r region) (am, ak int) {
	pairs, whole := w.tiles.pairs(k), roundUp(m, w.tiles.Rows)
	if r.Triangle == LowerResult {
		r.Triangle = Whole // of the factors
	}
	switch {
	case a.row == 1 && m > 1 && !w.tiles.ByRows:
		w.packTerms(w.rows, panelWidth, whole, a, m, whole, k, r)
		return 1, whole
	case a.row == 1 && m > 1:
		w.packTerms(w.turned, panelWidth, whole, a, m, whole, k, r)
		turn(w.rows, pairs, w.turned, whole, pairs, whole)
	default:
		for i := range m {
			first, end := r.terms(i, 0, 1, k)
			packRow(w.rows[i*pairs:][:pairs], a.x[i*a.row:], a.col, first, end)
		}
		clear(w.rows[m*pairs : whole*pairs])
	}
	return pairs, 1
}

// packTerms packs a matrix of which the n elements of a term are contiguous. Pairs of
// terms become rows of to, row apart, of which each 32 elements are next apart. They
// have width elements, with zeros after the first n.
func (w *halves) packTerms(to []uint32, next, row int, a matrix, n, width, k int, r region) {
	whole, strips := k/2, 0
	if r.Triangle == Whole {
		strips = n / panelWidth
	}
	for p := 0; strips > 0 && p < whole; p += fewTerms / 2 {
		packPairStrips(to[p*row:], next, row, a.x[2*p*a.col:], a.col, strips, min(fewTerms/2, whole-p))
	}
	for j := 0; j < width; j += panelWidth {
		first, part := 0, min(panelWidth, width-j)
		if j < strips*panelWidth {
			first = whole // the last term may have no second one
		}
		for p := first; p < w.tiles.pairs(k); p++ {
			packPair(to[j/panelWidth*next+p*row:][:part], a, j, min(part, max(0, n-j)), 2*p, k, r)
		}
	}
}

// packPair packs columns from j on of the terms p and p+1 of a: n of them, with zeros
// after them, and for terms from k on.
func packPair(to []uint32, a matrix, j, n, p, k int, r region) {
	rows := func(p int) (x []float32, first, end int) {
		if p >= k || n == 0 {
			return nil, n, n
		}
		first, end = r.from(j, 0, 0).rows(p, n)
		return a.x[p*a.col+j:], first, end
	}
	low, first, end := rows(p)
	high, first2, end2 := rows(p + 1)
	clear(to)
	// A diagonal gives one of the terms one element that the other has not.
	packLow(to[first:max(first, min(first2, end))], low[min(first, len(low)):])
	if first2 < end {
		packTwo(to[first2:end], low[first2:end], high[first2:end])
	}
	for i := max(end, first2); i < end2; i++ {
		to[i] = halfBits(high[i]) << 16
	}
}

// panelWords implements blocks.
func (w *halves) panelWords(k, n int) int { return roundUp(n, panelWidth) * w.tiles.pairs(k) }

// setPanels implements blocks.
func (w *halves) setPanels(words []uint32) {
	w.panels = w.own
	if words != nil {
		w.panels = words
	}
}

// packPanels implements blocks. Panels have 32 columns, the last one padded with
// zeros.
func (w *halves) packPanels(b matrix, k, n int) {
	pairs := w.tiles.pairs(k)
	if b.col == 1 {
		w.packTerms(w.panels, panelWidth*pairs, panelWidth, matrix{b.x, 1, b.row}, n, roundUp(n, panelWidth), k, region{})
		return
	}
	for j := 0; j < n; j += panelWidth {
		panel, width := w.panels[j*pairs:][:panelWidth*pairs], min(panelWidth, n-j)
		for i := range width {
			packRow(w.turned[i*pairs:][:pairs], b.x[(j+i)*b.col:], b.row, 0, k)
		}
		clear(w.turned[width*pairs : panelWidth*pairs])
		turn(panel, panelWidth, w.turned, pairs, panelWidth, pairs)
	}
}

// turn writes rows of words, a multiple of eight that are stride apart, as columns.
// The rows of the result are step apart.
func turn(to []uint32, step int, from []uint32, stride, rows, width int) {
	y, x := floats(to), floats(from)
	for i := 0; i < rows; i += 8 {
		transposeRows8(y[i:], x[i*stride:], width, step, stride)
	}
}

// floats returns words as numbers, to move them.
func floats(words []uint32) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(words))), len(words))
}

// packRow packs the terms from first to end of a row, which are stride apart in x, and
// zeros for those before and after.
func packRow(to []uint32, x []float32, stride, first, end int) {
	if first >= end {
		clear(to)
		return
	}
	clear(to[:first/2])
	clear(to[(end+1)/2:])
	if first%2 == 1 {
		to[first/2] = halfBits(x[first*stride]) << 16
		first++
	}
	if first < end {
		packPairs(to[first/2:(end+1)/2], x[first*stride:], stride, end-first)
	}
}

// packPairs packs k numbers, stride apart in x.
func packPairs(to []uint32, x []float32, stride, k int) {
	if stride == 1 {
		packRun(to, x[:k])
		return
	}
	for p := range to {
		to[p] = halfBits(x[2*p*stride])
		if 2*p+1 < k {
			to[p] |= halfBits(x[(2*p+1)*stride]) << 16
		}
	}
}

// packRunGroups is packRun, in groups of eight words where there is a function for them.
func packRunGroups(to []uint32, x []float32) {
	done := 0
	if n := len(x) / 16; n > 0 && hasPacking {
		_ = to[8*n-1]
		packRun8(&to[0], &x[0], n)
		done = 8 * n
	}
	for p := done; p < len(to); p++ {
		to[p] = halfBits(x[2*p])
		if 2*p+1 < len(x) {
			to[p] |= halfBits(x[2*p+1]) << 16
		}
	}
}

// packPairStripsLoop is packPairStrips in Go.
func packPairStripsLoop(to []uint32, next, row int, from []float32, col, strips, pairs int) {
	for s := range strips {
		for p := range pairs {
			low, high := from[2*p*col+s*panelWidth:], from[(2*p+1)*col+s*panelWidth:]
			packTwo(to[s*next+p*row:][:panelWidth], low[:panelWidth], high[:panelWidth])
		}
	}
}

// packTwoGroups is packTwo, in groups of eight words where there is a function for them.
func packTwoGroups(to []uint32, low, high []float32) {
	done := 0
	if n := len(to) / 8; n > 0 && hasPacking {
		_, _ = low[8*n-1], high[8*n-1]
		packTwo8(&to[0], &low[0], &high[0], n)
		done = 8 * n
	}
	for i := done; i < len(to); i++ {
		to[i] = halfBits(low[i]) | halfBits(high[i])<<16
	}
}

// packLow packs the numbers of a last term that has no second one.
func packLow(to []uint32, low []float32) {
	for i := range to {
		to[i] = halfBits(low[i])
	}
}

// halfBits returns the bits of the nearest bfloat16, as RoundHalf rounds. Subnormal
// numbers become zero where the functions that pack several make them zero, also those
// that would be rounded up to 2^-126: the bits of a product do not depend on what packs a
// number.
func halfBits(v float32) uint32 {
	const exponent, sign = 0x7f800000, 1 << 31
	bits := math.Float32bits(v)
	switch {
	case bits&exponent == 0 && has512:
		bits &= sign
	case bits&exponent != exponent:
		bits += 0x7fff + bits>>16&1
	}
	return bits >> 16
}
