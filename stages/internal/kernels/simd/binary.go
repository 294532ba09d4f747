package simd

// Binary is an operation on two operands, in a variant for each combination of
// slices and scalars that occurs. All slices of a call have the length of y.
type Binary struct {
	Slices      func(y, a, b []float32)
	ScalarRight func(y, a []float32, b float32)
	ScalarLeft  func(y []float32, a float32, b []float32)
}

// The arithmetic operations. They round as Go does.
var (
	Add = addLoops
	Sub = subLoops
	Mul = mulLoops
	Div = divLoops
)

var addLoops = Binary{
	Slices: func(y, a, b []float32) {
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = a[i] + b[i]
		}
	},
	ScalarRight: func(y, a []float32, b float32) {
		a = a[:len(y)]
		for i := range y {
			y[i] = a[i] + b
		}
	},
	ScalarLeft: func(y []float32, a float32, b []float32) {
		b = b[:len(y)]
		for i := range y {
			y[i] = a + b[i]
		}
	},
}

var subLoops = Binary{
	Slices: func(y, a, b []float32) {
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = a[i] - b[i]
		}
	},
	ScalarRight: func(y, a []float32, b float32) {
		a = a[:len(y)]
		for i := range y {
			y[i] = a[i] - b
		}
	},
	ScalarLeft: func(y []float32, a float32, b []float32) {
		b = b[:len(y)]
		for i := range y {
			y[i] = a - b[i]
		}
	},
}

var mulLoops = Binary{
	Slices: func(y, a, b []float32) {
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = a[i] * b[i]
		}
	},
	ScalarRight: func(y, a []float32, b float32) {
		a = a[:len(y)]
		for i := range y {
			y[i] = a[i] * b
		}
	},
	ScalarLeft: func(y []float32, a float32, b []float32) {
		b = b[:len(y)]
		for i := range y {
			y[i] = a * b[i]
		}
	},
}

var divLoops = Binary{
	Slices: func(y, a, b []float32) {
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = a[i] / b[i]
		}
	},
	ScalarRight: func(y, a []float32, b float32) {
		a = a[:len(y)]
		for i := range y {
			y[i] = a[i] / b
		}
	},
	ScalarLeft: func(y []float32, a float32, b []float32) {
		b = b[:len(y)]
		for i := range y {
			y[i] = a / b[i]
		}
	},
}

// Max is the larger operand, NaN if either is.
var Max = Binary{
	Slices: func(y, a, b []float32) {
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = max(a[i], b[i])
		}
	},
	ScalarRight: func(y, a []float32, b float32) {
		for i := range y {
			y[i] = max(a[i], b)
		}
	},
	ScalarLeft: func(y []float32, a float32, b []float32) {
		for i := range y {
			y[i] = max(a, b[i])
		}
	},
}

// Min is the smaller operand, NaN if either is.
var Min = Binary{
	Slices: func(y, a, b []float32) {
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = min(a[i], b[i])
		}
	},
	ScalarRight: func(y, a []float32, b float32) {
		for i := range y {
			y[i] = min(a[i], b)
		}
	},
	ScalarLeft: func(y []float32, a float32, b []float32) {
		for i := range y {
			y[i] = min(a, b[i])
		}
	},
}
