package simd

// Reduce sums x along the middle one of three axes into y, or takes the maximum.
func Reduce(y, x []float32, before, length, after int, highest bool) {
	if after == 1 {
		Parallel(before, length, func(from, to int) {
			for i := from; i < to; i++ {
				row := x[i*length : (i+1)*length]
				if highest {
					y[i] = Highest(row)
				} else {
					y[i] = Sum(row)
				}
			}
		})
		return
	}
	columns := sumColumns
	if highest {
		columns = highestColumns
	}
	// Each core has columns of its own, as many as possible.
	parallel(after, before*length, 1, func(from, to int) {
		for i := range before {
			columns(y[i*after+from:i*after+to], x[i*length*after+from:], length, after)
		}
	})
}

// sumColumns adds rows of len(out) numbers, stride apart in x.
func sumColumns(out, x []float32, rows, stride int) {
	if rows > maxSequential {
		half := (rows/2 + maxSequential - 1) / maxSequential * maxSequential
		sumColumns(out, x, half, stride)
		rest := make([]float32, len(out))
		sumColumns(rest, x[half*stride:], rows-half, stride)
		Add.Slices(out, out, rest)
		return
	}
	clear(out)
	for j := range rows {
		Add.Slices(out, out, x[j*stride:][:len(out)])
	}
}

// highestColumns is sumColumns for the maximum.
func highestColumns(out, x []float32, rows, stride int) {
	copy(out, x)
	for j := range rows {
		row := x[j*stride:][:len(out)]
		for c, v := range row {
			out[c] = max(out[c], v)
		}
	}
}
