package simd

import (
	"math"
	"sync"
)

// halves is a workspace for products of bfloat16 factors. Factors are float32 in
// memory and are rounded when they are packed: two terms that follow each other
// become one word, the first in its lower half. Blocks of terms are those of other
// products.
type halves struct {
	panels []uint32  // of b: [panels][pairs][32]
	rows   []uint32  // of a block of a, padded with zeros to whole tiles
	row    []uint32  // packed columns of b before they are interleaved: [8][pairs]
	tile   []float32 // a tile that extends beyond an edge of c
	packed *float32  // the first element of b, if panels hold all of it
}

const blockPairs = blockTerms / 2

// HalfTile multiplies eight rows of a by a packed panel, over pairs > 0 of terms,
// into eight rows of c, as tile does. It is nil if the processor does not multiply
// bfloat16 numbers.
var HalfTile func(c []float32, ldc int, a []uint32, am, ak int, panel []uint32, pairs int, add bool)

// HasHalfTiles reports whether the processor multiplies bfloat16 numbers. Such
// products add terms in pairs and flush subnormal numbers to zero, so their bits
// differ from those of other processors.
func HasHalfTiles() bool { return HalfTile != nil }

var halfWorkspaces = sync.Pool{New: func() any {
	return &halves{
		panels: make([]uint32, blockPairs*blockWide),
		rows:   make([]uint32, blockPairs*blockRows),
		row:    make([]uint32, blockPairs*TileRows),
		tile:   make([]float32, TileRows*panelWidth),
	}
}}

// withHalves calls f with a workspace for bfloat16 factors. Factors must not
// change meanwhile.
func withHalves(f func(m multiplier)) {
	w := halfWorkspaces.Get().(*halves)
	defer halfWorkspaces.Put(w)
	w.packed = nil
	f(w)
}

// multiply implements multiplier. It computes the whole product.
func (w *halves) multiply(c, a, b matrix, m, n, k int, _ region) {
	first := &b.x[0]
	packed := w.packed == first
	w.packed = nil
	for j := 0; j < n; j += blockWide {
		wide := min(blockWide, n-j)
		for p := 0; p < k; p += blockTerms {
			terms := min(blockTerms, k-p)
			if !packed {
				w.packColumns(b.from(p, j), terms, wide)
			}
			for i := 0; i < m; i += blockRows {
				w.block(c.from(i, j), a.from(i, p), min(blockRows, m-i), wide, terms, p > 0)
			}
		}
	}
	if n <= blockWide && k <= blockTerms {
		w.packed = first
	}
}

// block packs rows of a and multiplies them by all packed panels.
func (w *halves) block(c, a matrix, m, n, k int, add bool) {
	pairs := (k + 1) / 2
	am, ak := w.packRows(a, m, k)
	for j := 0; j < n; j += panelWidth {
		panel, width := w.panels[j*pairs:][:panelWidth*pairs], min(panelWidth, n-j)
		for i := 0; i < m; i += TileRows {
			to, from, rows := c.x[i*c.row+j*c.col:], w.rows[i*am:], min(TileRows, m-i)
			if rows == TileRows && width == panelWidth {
				HalfTile(to, c.row, from, am, ak, panel, pairs, add)
				continue
			}
			HalfTile(w.tile, panelWidth, from, am, ak, panel, pairs, false)
			copyEdge(to, c.row, w.tile, panelWidth, rows, width, add)
		}
	}
}

// packRows packs m rows of k terms, with strides am between rows and ak between
// pairs of terms: rows stay rows, and columns columns, so that nothing is
// transposed.
func (w *halves) packRows(a matrix, m, k int) (am, ak int) {
	pairs, whole := (k+1)/2, (m+TileRows-1)/TileRows*TileRows
	if a.row == 1 && m > 1 {
		w.packTerms(w.rows, whole, a, m, k)
		return 1, whole
	}
	clear(w.rows[m*pairs : whole*pairs])
	for i := range m {
		packPairs(w.rows[i*pairs:][:pairs], a.x[i*a.row:], a.col, k)
	}
	return pairs, 1
}

// packTerms packs a matrix of which the m elements of a term are contiguous. The
// packed pairs of terms have width elements, with zeros after the first m.
func (w *halves) packTerms(to []uint32, width int, a matrix, m, k int) {
	for p := 0; p < k; p += 2 {
		pair, low := to[p/2*width:][:width], a.x[p*a.col:][:m]
		clear(pair[m:])
		if p+1 < k {
			packTwo(pair[:m], low, a.x[(p+1)*a.col:][:m])
		} else {
			packLow(pair[:m], low)
		}
	}
}

// packColumns packs b of [k, n] into panels of 32 columns, the last one padded
// with zeros.
func (w *halves) packColumns(b matrix, k, n int) {
	pairs := (k + 1) / 2
	for j := 0; j < n; j += panelWidth {
		panel, width := w.panels[j*pairs:][:panelWidth*pairs], min(panelWidth, n-j)
		from := matrix{b.x[j*b.col:], b.col, b.row} // transposed
		if b.col == 1 {
			w.packTerms(panel, panelWidth, from, width, k)
			continue
		}
		if width < panelWidth {
			clear(panel)
		}
		for column := 0; column < width; column += TileRows {
			columns := min(TileRows, width-column)
			for i := range columns {
				packPairs(w.row[i*pairs:][:pairs], from.x[(column+i)*from.row:], from.col, k)
			}
			interleave(panel[column:], w.row, columns, pairs)
		}
	}
}

// interleave writes rows of pairs as columns of a panel.
func interleave(panel, rows []uint32, columns, pairs int) {
	if columns < TileRows {
		for i := range columns {
			for p, v := range rows[i*pairs:][:pairs] {
				panel[p*panelWidth+i] = v
			}
		}
		return
	}
	r0, r1, r2, r3 := rows[:pairs], rows[pairs:][:pairs], rows[2*pairs:][:pairs], rows[3*pairs:][:pairs]
	r4, r5, r6, r7 := rows[4*pairs:][:pairs], rows[5*pairs:][:pairs], rows[6*pairs:][:pairs], rows[7*pairs:][:pairs]
	for p := range pairs {
		d := panel[p*panelWidth:][:TileRows:TileRows]
		d[0], d[1], d[2], d[3] = r0[p], r1[p], r2[p], r3[p]
		d[4], d[5], d[6], d[7] = r4[p], r5[p], r6[p], r7[p]
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

// packRun packs numbers that are contiguous.
func packRun(to []uint32, x []float32) {
	done := pairsInRun(to, x)
	for p := done; p < len(to); p++ {
		to[p] = halfBits(x[2*p])
		if 2*p+1 < len(x) {
			to[p] |= halfBits(x[2*p+1]) << 16
		}
	}
}

// packTwo packs the numbers of two terms.
func packTwo(to []uint32, low, high []float32) {
	for i := pairsOfTwo(to, low, high); i < len(to); i++ {
		to[i] = halfBits(low[i]) | halfBits(high[i])<<16
	}
}

// packLow packs the numbers of a last term that has no second one.
func packLow(to []uint32, low []float32) {
	for i := range to {
		to[i] = halfBits(low[i])
	}
}

// halfBits returns the bits of the nearest bfloat16, as RoundHalf rounds.
func halfBits(v float32) uint32 {
	const exponent = 0x7f800000
	bits := math.Float32bits(v)
	if bits&exponent != exponent {
		bits += 0x7fff + bits>>16&1
	}
	return bits >> 16
}
