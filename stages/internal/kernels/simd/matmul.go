package simd

import "sync"

// A product is computed in tiles of a few rows and columns. The terms of each
// element are added in their order within blocks of 256, and block after block, so
// that its bits depend on neither the layout of the factors nor the number of cores
// nor the shape of tiles.
const (
	TileRows   = 8  // of the largest tile
	maxColumns = 48 // of the largest tile
	blockTerms = 256
	blockRows  = 256  // about how many rows of a stay in the cache while a panel passes
	blockWide  = 1152 // columns packed at a time: whole tiles of all widths
)

// tileShape is the size of tiles. The last panel of a factor may have narrower ones.
type tileShape struct {
	rows, columns int
	step          int // the columns of all tiles are multiples of it
}

// over returns the shape of the tiles of the next panel, where so many columns are left.
func (s tileShape) over(columns int) tileShape {
	s.columns = min(s.columns, roundUp(columns, s.step))
	return s
}

// tiles is the shape that suits the processor.
var tiles = tileShape{rows: TileRows, columns: 32, step: 32}

// workspace is the memory that one goroutine packs factors into.
type workspace struct {
	panels []float32 // of b: [panels][terms][columns of a tile]
	own    []float32 // memory for panels
	block  []float32 // of a, if it is copied
	rows   []float32 // the last rows of a, padded with zeros: [rows of a tile][terms]
	tile   []float32 // a tile that extends beyond an edge of c
	shape  tileShape // of the tiles of this product
	blockwise
}

var workspaces = sync.Pool{New: func() any {
	return &workspace{
		own:   make([]float32, blockTerms*blockWide),
		block: make([]float32, (blockTerms+padding)*(blockRows+TileRows)),
		rows:  make([]float32, TileRows*blockTerms),
		tile:  make([]float32, TileRows*maxColumns),
	}
}}

// multiplier computes products one after the other.
type multiplier interface {
	// multiply computes c = a b for a of [m, k] and b of [k, n]; the columns of c are
	// contiguous. If all of b fits the panels, it stays packed for the next product of
	// the same size and triangle.
	multiply(c, a, b matrix, m, n, k int, r region)
	// keep lets the next products, of one size and triangle, read b from f, and pack it
	// there if it is not.
	keep(f *packedFactor)
}

// packedFactor is a factor b whose panels are kept between products.
type packedFactor struct {
	words []uint32
	full  bool
}

// withWorkspace calls f with a workspace. Factors must not change meanwhile.
func withWorkspace(f func(m multiplier)) {
	w := workspaces.Get().(*workspace)
	defer workspaces.Put(w)
	w.packed, w.kept = wholeFactor{}, nil
	f(w)
}

// matrix is a strided matrix: element (i, j) is x[i*row+j*col].
type matrix struct {
	x        []float32
	row, col int
}

// from returns the part of m that starts at element (i, j).
func (m matrix) from(i, j int) matrix { return matrix{m.x[i*m.row+j*m.col:], m.row, m.col} }

// blockwise computes products block by block.
type blockwise struct {
	packed wholeFactor   // in the panels; zero if they hold only a part of one
	kept   *packedFactor // nil if panels are packed in the workspace
	last   bool          // no terms follow those of the block
}

// wholeFactor is a factor b that panels hold. How wide they are depends on n and on the
// triangle.
type wholeFactor struct {
	first *float32
	n, k  int
	part  Triangle
}

// keep implements multiplier.
func (w *blockwise) keep(f *packedFactor) { w.kept = f }

// blocks is a workspace for the blocks of a product.
type blocks interface {
	// panelWords returns how many words the panels of k terms of n columns take.
	panelWords(k, n int) int
	// setPanels lets panels be in these words, or in the workspace if there are none.
	setPanels(words []uint32)
	// packPanels packs k terms of n columns.
	packPanels(b matrix, k, n int)
	// multiplyRows multiplies m rows of a by all packed panels.
	multiplyRows(c, a matrix, m, n, k int, add bool, r region)
	// finish completes elements to which the last terms add nothing: it rounds them if
	// results are rounded.
	finish(c matrix, m, n int)
}

// multiply implements multiplier, with at most so many rows of a in a block.
func (w *blockwise) multiply(of blocks, most int, c, a, b matrix, m, n, k int, r region) {
	all, at := wholeFactor{&b.x[0], n, k, r.Triangle}, 0
	packed := w.packed == all && w.kept == nil
	w.packed = wholeFactor{}
	of.setPanels(nil)
	for j := 0; j < n; j += blockWide {
		wide := min(blockWide, n-j)
		for p := 0; p < k; p += blockTerms {
			terms := min(blockTerms, k-p)
			if w.kept != nil {
				end := at + of.panelWords(terms, wide)
				of.setPanels(w.kept.room(end)[at:end])
				packed, at = w.kept.full, end
			}
			if !packed {
				of.packPanels(b.from(p, j), terms, wide)
			}
			w.last = p+terms == k
			for i := 0; i < m; i += most {
				rows, part := min(most, m-i), r.from(i, j, p)
				if first, end := part.terms(0, 0, rows, terms); first >= end && p > 0 {
					of.finish(c.from(i, j), rows, wide)
					continue
				}
				of.multiplyRows(c.from(i, j), a.from(i, p), rows, wide, terms, p > 0, part)
			}
		}
	}
	switch {
	case w.kept != nil:
		w.kept.full = true
	case n > 0 && n <= blockWide && k <= blockTerms:
		w.packed = all
	}
}

// room returns the first n words, after making room for them.
func (f *packedFactor) room(n int) []uint32 {
	if n > len(f.words) {
		f.words = append(f.words, make([]uint32, n-len(f.words))...)
	}
	return f.words[:n]
}

// multiply implements multiplier.
func (w *workspace) multiply(c, a, b matrix, m, n, k int, r region) {
	w.shape = tiles
	if r.Triangle == LowerResult { // narrower tiles compute less beyond the diagonal
		w.shape.columns = min(w.shape.columns, 2*w.shape.step)
	}
	w.blockwise.multiply(w, blockRows/tiles.rows*tiles.rows, c, a, b, m, n, k, r)
}

// panelWords implements blocks.
func (w *workspace) panelWords(k, n int) int { return roundUp(n, tiles.step) * k }

// roundUp returns the least multiple of step that is not less than n.
func roundUp(n, step int) int { return (n + step - 1) / step * step }

// setPanels implements blocks.
func (w *workspace) setPanels(words []uint32) {
	w.panels = w.own
	if words != nil {
		w.panels = floats(words)
	}
}

// packPanels implements blocks.
func (w *workspace) packPanels(b matrix, k, n int) { pack(w.panels, b, k, n, w.shape) }

// block is some rows of a. Element (i, p) of the strip of rows that one tile reads
// is strip[i*row+p*col]; the next strip is that far away.
type block struct {
	x              []float32
	row, col, next int
	whole          bool // memory of the last strip has rows beyond the last one
}

// near returns a block of a as it lies in memory, or copies it, where tiles would
// otherwise displace each other's lines from the cache, or read few numbers of each.
func (w *workspace) near(a matrix, m, k, n int) block {
	// Rows at multiples of this distance compete for the same place in the first
	// cache, unless all terms are in the block, so that rows follow each other.
	const conflict = 256
	rows := tiles.rows
	switch {
	case a.row == 1 && m > 1 && n > 2*w.shape.columns:
		next := rows*k + padding
		packStrips(w.block, next, a.x, a.col, rows, m, k)
		return block{w.block, 1, rows, next, true}
	case a.col == 1 && a.row%conflict == 0 && a.row > k && n > 2*w.shape.columns:
		for i := range m {
			copy(w.block[i*(k+padding):][:k], a.x[i*a.row:])
		}
		return block{w.block, k + padding, 1, rows * (k + padding), false}
	}
	return block{a.x, a.row, a.col, rows * a.row, false}
}

// padding is the distance in numbers between rows of a copy, beyond their length: a
// cache line.
const padding = 16

// multiplyRows implements blocks.
func (w *workspace) multiplyRows(c, rows matrix, m, n, k int, add bool, r region) {
	shape, a := w.shape.over(n), w.near(rows, m, k, n)
	whole := m / shape.rows * shape.rows
	last := block{w.rows, k, 1, 0, true} // the strip with the last rows
	// It can be a tile that overlaps the one before it, if elements that are
	// computed twice can be written twice.
	overlap := whole < m && whole > 0 && !add && !a.whole
	switch {
	case a.whole:
		last = block{a.x[m/shape.rows*a.next:], a.row, a.col, 0, true}
	case whole < m && !overlap:
		w.padRows(matrix{a.x, a.row, a.col}, whole, m, k)
	}
	for j := 0; j < n; j += shape.columns {
		shape = w.shape.over(n - j)
		panel := w.panels[j*k:][:shape.columns*k]
		width := min(shape.columns, n-j)
		for i, at := 0, 0; i < m; i, at = i+shape.rows, at+a.next {
			if i == whole {
				if !overlap {
					break
				}
				i, at = m-shape.rows, (m-shape.rows)*a.row
			}
			// Not as a matrix: it would be passed in memory, and loads from there
			// wait for all stores of the last tile.
			to, first, end := c.x[i*c.row+j*c.col:], 0, k
			if r.Triangle != Whole {
				first, end = r.terms(i, j, shape.rows, k)
			}
			switch {
			case first >= end && (add || r.unread(i, j, shape.rows)):
			case first >= end:
				clearTile(to, c.row, shape.rows, width)
			case width == shape.columns:
				shape.tile(to, c.row, a.x[at+first*a.col:], a.row, a.col, panel[first*shape.columns:], end-first, add)
			default:
				w.edge(shape, to, c.row, a.x[at+first*a.col:], a.row, a.col, panel[first*shape.columns:], shape.rows, width, end-first, add)
			}
		}
		if whole < m && !overlap {
			w.lastRows(shape, c.x[whole*c.row+j*c.col:], c.row, last, panel, whole, j, m-whole, width, k, add, r)
		}
	}
}

// finish implements blocks.
func (w *workspace) finish(matrix, int, int) {}

// lastRows computes the rows after the last whole tile.
func (w *workspace) lastRows(s tileShape, c []float32, ldc int, a block, panel []float32, i, j, rows, width, k int, add bool, r region) {
	switch first, end := r.terms(i, j, s.rows, k); {
	case first < end:
		w.edge(s, c, ldc, a.x[first*a.col:], a.row, a.col, panel[first*s.columns:], rows, width, end-first, add)
	case !add:
		clearTile(c, ldc, rows, width)
	}
}

// padRows copies the last rows of a, and zeros after them.
func (w *workspace) padRows(a matrix, whole, m, k int) {
	clear(w.rows)
	for i := whole; i < m; i++ {
		row := w.rows[(i-whole)*k:][:k]
		for p := range row {
			row[p] = a.x[i*a.row+p*a.col]
		}
	}
}

// clearTile writes a tile of zeros.
func clearTile(c []float32, ldc, rows, width int) {
	for i := range rows {
		clear(c[i*ldc:][:width])
	}
}

// edge computes a tile that extends beyond c.
func (w *workspace) edge(s tileShape, c []float32, ldc int, a []float32, am, ak int, panel []float32, rows, width, k int, add bool) {
	if add {
		copyEdge(w.tile, s.columns, c, ldc, rows, width)
	}
	s.tile(w.tile, s.columns, a, am, ak, panel, k, add)
	copyEdge(c, ldc, w.tile, s.columns, rows, width)
}

// copyEdge copies so many numbers of some rows, as between a tile and the part of it
// that lies in c.
func copyEdge(to []float32, row int, from []float32, fromRow, rows, width int) {
	for i := range rows {
		copy(to[i*row:][:width], from[i*fromRow:])
	}
}
