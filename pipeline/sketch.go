package pipeline

// Sketcher is a stage that can draw functions which the study declares.
type Sketcher interface {
	Sketches() []Sketch
}

// Sketch is a function of one number at some points.
type Sketch struct {
	Title  string // what is computed, and where: "y at every site"
	Of     string // the number
	Given  string // what everything else is, as a sentence; "" where there is nothing else
	X, Y   []float64
	Slopes []float64 // dY/dX; nil where there are none
}
