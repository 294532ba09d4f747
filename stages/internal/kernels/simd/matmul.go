package simd

import "sync"

// A product is computed in tiles of eight rows and 32 columns. The terms of each
// element are added in their order within blocks of 256, and block after block, so
// that its bits depend on neither the layout of the factors nor the number of
// cores.
const (
	TileRows   = 8
	panelWidth = 32
	blockTerms = 256
	blockRows  = 256  // rows of a that stay in the cache while a panel passes
	blockWide  = 1024 // columns packed at a time
)

// workspace is the memory that one goroutine packs factors into.
type workspace struct {
	panels []float32 // of b: [panels][terms][32]
	rows   []float32 // the last rows of a, padded with zeros: [8][terms]
	tile   []float32 // a tile that extends beyond an edge of c
	packed *float32  // the first element of b, if panels hold all of it
}

var workspaces = sync.Pool{New: func() any {
	return &workspace{
		panels: make([]float32, blockTerms*blockWide),
		rows:   make([]float32, TileRows*blockTerms),
		tile:   make([]float32, TileRows*panelWidth),
	}
}}

// withWorkspace calls f with a workspace. Factors must not change meanwhile.
func withWorkspace(f func(w *workspace)) {
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

// multiply computes c = a b for a of [m, k] and b of [k, n]; the columns of c are
// contiguous. If all of b fits the panels, it stays packed for the next product.
func (w *workspace) multiply(c, a, b matrix, m, n, k int) {
	first := &b.x[0]
	packed := w.packed == first
	w.packed = nil
	for j := 0; j < n; j += blockWide {
		wide := min(blockWide, n-j)
		for p := 0; p < k; p += blockTerms {
			terms := min(blockTerms, k-p)
			if !packed {
				pack(w.panels, b.from(p, j), terms, wide)
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

// block multiplies rows of a by all packed panels.
func (w *workspace) block(c, a matrix, m, n, k int, add bool) {
	whole := m / TileRows * TileRows
	if whole < m {
		clear(w.rows)
		for i := whole; i < m; i++ {
			row := w.rows[(i-whole)*k:][:k]
			for p := range row {
				row[p] = a.x[i*a.row+p*a.col]
			}
		}
	}
	for j := 0; j < n; j += panelWidth {
		panel := w.panels[j*k:][:panelWidth*k]
		width := min(panelWidth, n-j)
		for i := 0; i < whole; i += TileRows {
			// Not as a matrix: it would be passed in memory, and loads from there
			// wait for all stores of the last tile.
			to, from := c.x[i*c.row+j*c.col:], a.x[i*a.row:]
			if width == panelWidth {
				tile(to, c.row, from, a.row, a.col, panel, k, add)
			} else {
				w.edge(to, c.row, from, a.row, a.col, panel, TileRows, width, k, add)
			}
		}
		if whole < m {
			w.edge(c.x[whole*c.row+j*c.col:], c.row, w.rows, k, 1, panel, m-whole, width, k, add)
		}
	}
}

// edge computes a tile that extends beyond c.
func (w *workspace) edge(c []float32, ldc int, a []float32, am, ak int, panel []float32, rows, width, k int, add bool) {
	tile(w.tile, panelWidth, a, am, ak, panel, k, false)
	for i := range rows {
		to, from := c[i*ldc:][:width], w.tile[i*panelWidth:][:width]
		if !add {
			copy(to, from)
			continue
		}
		for j, v := range from {
			to[j] = v + to[j]
		}
	}
}

// pack copies b of [k, n] into panels of 32 columns, the last one padded with
// zeros.
func pack(panels []float32, b matrix, k, n int) {
	for j := 0; j < n; j += panelWidth {
		panel, width := panels[j*k:][:panelWidth*k], min(panelWidth, n-j)
		if width < panelWidth {
			clear(panel)
		}
		from := b.x[j*b.col:]
		switch {
		case b.col == 1 && width == panelWidth:
			for p := range k {
				*(*[panelWidth]float32)(panel[p*panelWidth:]) = *(*[panelWidth]float32)(from[p*b.row:])
			}
		case b.col == 1:
			for p := range k {
				copy(panel[p*panelWidth:][:width], from[p*b.row:])
			}
		case b.row == 1:
			column := 0
			for ; column+8 <= width; column += 8 {
				transposeRows8(panel[column:], from[column*b.col:], k, panelWidth, b.col)
			}
			for ; column < width; column++ {
				for p, v := range from[column*b.col:][:k] {
					panel[p*panelWidth+column] = v
				}
			}
		default:
			for p := range k {
				for column := range width {
					panel[p*panelWidth+column] = from[p*b.row+column*b.col]
				}
			}
		}
	}
}
