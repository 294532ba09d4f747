package simd

import "slices"

// GatherRows copies rows of a table of the given width to y. Indices are clamped
// to the table.
func GatherRows(y, table []float32, indices []int32, width int) {
	last := len(table)/width - 1
	Parallel(len(indices), width, func(from, to int) {
		for i, index := range indices[from:to] {
			copy(y[(from+i)*width:][:width], table[max(0, min(last, int(index)))*width:])
		}
	})
}

// InTable reports whether all indices are rows of a table.
func InTable(indices []int32, rows int) bool {
	return !slices.ContainsFunc(indices, func(i int32) bool { return i < 0 || int(i) >= rows })
}

// ScatterRows adds rows to those of a table, in their order. The indices must be in
// the table.
func ScatterRows(table, rows []float32, indices []int32, width int) {
	// Each core has columns of its own.
	Parallel(width, len(indices), func(from, to int) {
		for i, index := range indices {
			row := table[int(index)*width:][from:to]
			Add.Slices(row, row, rows[i*width:][from:to])
		}
	})
}
