package kernels

// arithmetic is an operation in the three forms that its inner loop takes.
// All slices of a call have one length, except a and b where they are scalars.
type arithmetic struct {
	both  func(y, a, b []float32)
	right func(y, a []float32, b float32)
	left  func(y []float32, a float32, b []float32)
}

var add = arithmetic{
	both: func(y, a, b []float32) {
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = a[i] + b[i]
		}
	},
	right: func(y, a []float32, b float32) {
		a = a[:len(y)]
		for i := range y {
			y[i] = a[i] + b
		}
	},
	left: func(y []float32, a float32, b []float32) {
		b = b[:len(y)]
		for i := range y {
			y[i] = a + b[i]
		}
	},
}

var sub = arithmetic{
	both: func(y, a, b []float32) {
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = a[i] - b[i]
		}
	},
	right: func(y, a []float32, b float32) {
		a = a[:len(y)]
		for i := range y {
			y[i] = a[i] - b
		}
	},
	left: func(y []float32, a float32, b []float32) {
		b = b[:len(y)]
		for i := range y {
			y[i] = a - b[i]
		}
	},
}

var mul = arithmetic{
	both: func(y, a, b []float32) {
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = a[i] * b[i]
		}
	},
	right: func(y, a []float32, b float32) {
		a = a[:len(y)]
		for i := range y {
			y[i] = a[i] * b
		}
	},
	left: func(y []float32, a float32, b []float32) {
		b = b[:len(y)]
		for i := range y {
			y[i] = a * b[i]
		}
	},
}

var div = arithmetic{
	both: func(y, a, b []float32) {
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = a[i] / b[i]
		}
	},
	right: func(y, a []float32, b float32) {
		a = a[:len(y)]
		for i := range y {
			y[i] = a[i] / b
		}
	},
	left: func(y []float32, a float32, b []float32) {
		b = b[:len(y)]
		for i := range y {
			y[i] = a / b[i]
		}
	},
}
