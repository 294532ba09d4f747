//go:build !amd64

package simd

const has512 = false

func packTwo(to []uint32, low, high []float32) { packTwoGroups(to, low, high) }

func packRun(to []uint32, x []float32) { packRunGroups(to, x) }

func packPairStrips(to []uint32, next, row int, from []float32, col, strips, pairs int) {
	packPairStripsLoop(to, next, row, from, col, strips, pairs)
}

func roundRows(x []float32, row, rows, width int) { roundRowsLoop(x, row, rows, width) }
