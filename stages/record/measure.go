package record

// Measure is a metric that a trial declares before it runs.
type Measure struct {
	Name string
	// Every is the interval in steps between values.
	Every int
	// Last is the last step with a value; 0 if unknown.
	Last int
}

// Measurer is a stage that knows which metrics its trial will have.
type Measurer interface{ Measures() []Measure }
