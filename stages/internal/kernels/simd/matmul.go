package simd

import "sync"

// A product is computed in tiles of a few rows and columns. The terms of each
// element are added in their order within blocks of 256, and block after block, so
// that its bits depend on neither the layout of the factors nor the number of cores
// nor the shape of tiles.
const (
	TileRows   = 8  // of the largest tile
	panelWidth = 32 // columns of the largest tile
	blockTerms = 256
	blockRows  = 256  // about how many rows of a stay in the cache while a panel passes
	blockWide  = 1024 // columns packed at a time
)

// tileShape is the size of a tile.
type tileShape struct{ rows, columns int }

// tiles is the shape that suits the processor.
var tiles = tileShape{TileRows, panelWidth}

// workspace is the memory that one goroutine packs factors into.
type workspace struct {
	panels []float32 // of b: [panels][terms][columns of a tile]
	block  []float32 // of a, if it is copied
	rows   []float32 // the last rows of a, padded with zeros: [rows of a tile][terms]
	tile   []float32 // a tile that extends beyond an edge of c
	packed *float32  // the first element of b, if panels hold all of it
}

var workspaces = sync.Pool{New: func() any {
	return &workspace{
		panels: make([]float32, blockTerms*blockWide),
		block:  make([]float32, blockTerms*(blockRows+padding)),
		rows:   make([]float32, TileRows*blockTerms),
		tile:   make([]float32, TileRows*panelWidth),
	}
}}

// multiplier computes products one after the other.
type multiplier interface {
	// multiply computes c = a b for a of [m, k] and b of [k, n]; the columns of c are
	// contiguous. If all of b fits the panels, it stays packed for the next product.
	multiply(c, a, b matrix, m, n, k int)
}

// withWorkspace calls f with a workspace. Factors must not change meanwhile.
func withWorkspace(f func(m multiplier)) {
	w := workspaces.Get().(*workspace)
	defer workspaces.Put(w)
	w.packed = nil
	f(w)
}

// matrix is a strided matrix: element (i, j) is x[i*row+j*col].
type matrix struct {
	x        []float32
	row, col int
}

// from returns the part of m that starts at element (i, j).
func (m matrix) from(i, j int) matrix { return matrix{m.x[i*m.row+j*m.col:], m.row, m.col} }

// multiply implements multiplier.
func (w *workspace) multiply(c, a, b matrix, m, n, k int) {
	first := &b.x[0]
	packed := w.packed == first
	w.packed = nil
	strips := blockRows / tiles.rows * tiles.rows
	for j := 0; j < n; j += blockWide {
		wide := min(blockWide, n-j)
		for p := 0; p < k; p += blockTerms {
			terms := min(blockTerms, k-p)
			if !packed {
				pack(w.panels, b.from(p, j), terms, wide, tiles.columns)
			}
			for i := 0; i < m; i += strips {
				rows := min(strips, m-i)
				w.multiplyBlock(c.from(i, j), w.near(a.from(i, p), rows, terms, wide), rows, wide, terms, p > 0)
			}
		}
	}
	if n <= blockWide && k <= blockTerms {
		w.packed = first
	}
}

// padding is the distance in numbers, beyond their length, of rows or columns in a
// copy of a block: a cache line, since lines at multiples of a large power of two
// would displace each other from the cache.
const padding = 16

// near copies a block of a whose rows or columns are far apart, if enough panels
// pass to be worth it.
func (w *workspace) near(a matrix, m, k, n int) matrix {
	const farApart = 1024
	switch {
	case n < 2*tiles.columns:
		return a
	case a.row == 1 && a.col >= blockRows && m > 1:
		for p := range k {
			copy(w.block[p*(m+padding):][:m], a.x[p*a.col:])
		}
		return matrix{w.block, 1, m + padding}
	case a.col == 1 && a.row%farApart == 0:
		for i := range m {
			copy(w.block[i*(k+padding):][:k], a.x[i*a.row:])
		}
		return matrix{w.block, k + padding, 1}
	}
	return a
}

// multiplyBlock multiplies rows of a by all packed panels.
func (w *workspace) multiplyBlock(c, a matrix, m, n, k int, add bool) {
	shape := tiles
	whole := m / shape.rows * shape.rows
	// The last rows are a tile that overlaps the one before it, where the elements
	// that are computed twice can be written twice.
	overlap := whole < m && whole > 0 && !add
	if whole < m && !overlap {
		w.padRows(a, whole, m, k)
	}
	for j := 0; j < n; j += shape.columns {
		panel := w.panels[j*k:][:shape.columns*k]
		width := min(shape.columns, n-j)
		for i := 0; i < m; i += shape.rows {
			if i == whole {
				if !overlap {
					break
				}
				i = m - shape.rows
			}
			// Not as a matrix: it would be passed in memory, and loads from there
			// wait for all stores of the last tile.
			to, from := c.x[i*c.row+j*c.col:], a.x[i*a.row:]
			if width == shape.columns {
				shape.tile(to, c.row, from, a.row, a.col, panel, k, add)
			} else {
				w.edge(to, c.row, from, a.row, a.col, panel, shape.rows, width, k, add)
			}
		}
		if whole < m && !overlap {
			w.edge(c.x[whole*c.row+j*c.col:], c.row, w.rows, k, 1, panel, m-whole, width, k, add)
		}
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

// edge computes a tile that extends beyond c.
func (w *workspace) edge(c []float32, ldc int, a []float32, am, ak int, panel []float32, rows, width, k int, add bool) {
	tiles.tile(w.tile, tiles.columns, a, am, ak, panel, k, false)
	copyEdge(c, ldc, w.tile, tiles.columns, rows, width, add)
}

// copyEdge copies the part of a tile that lies in c, or adds it.
func copyEdge(c []float32, ldc int, tile []float32, columns, rows, width int, add bool) {
	for i := range rows {
		to, from := c[i*ldc:][:width], tile[i*columns:][:width]
		if !add {
			copy(to, from)
			continue
		}
		for j, v := range from {
			to[j] = v + to[j]
		}
	}
}

// pack copies b of [k, n] into panels of so many columns, the last one padded with
// zeros.
func pack(panels []float32, b matrix, k, n, columns int) {
	for j := 0; j < n; j += columns {
		panel, width := panels[j*k:][:columns*k], min(columns, n-j)
		if width < columns {
			clear(panel)
		}
		from := b.x[j*b.col:]
		switch {
		case b.col == 1 && width == columns:
			packTerms(panel, from, b.row, k, columns)
		case b.col == 1:
			for p := range k {
				copy(panel[p*columns:][:width], from[p*b.row:])
			}
		case b.row == 1:
			column := 0
			for ; column+8 <= width; column += 8 {
				transposeRows8(panel[column:], from[column*b.col:], k, columns, b.col)
			}
			for ; column < width; column++ {
				for p, v := range from[column*b.col:][:k] {
					panel[p*columns+column] = v
				}
			}
		default:
			for p := range k {
				for column := range width {
					panel[p*columns+column] = from[p*b.row+column*b.col]
				}
			}
		}
	}
}

// packTerms copies the terms of a whole panel, which are contiguous, with moves
// that need no call.
func packTerms(panel, from []float32, row, k, columns int) {
	if columns == 16 {
		for p := range k {
			*(*[16]float32)(panel[p*16:]) = *(*[16]float32)(from[p*row:])
		}
		return
	}
	for p := range k {
		*(*[panelWidth]float32)(panel[p*panelWidth:]) = *(*[panelWidth]float32)(from[p*row:])
	}
}
