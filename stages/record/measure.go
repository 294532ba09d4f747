package record

// Measure is a metric that a trial declares before it runs.
type Measure struct {
	Name  string
	Every int // it has a value at the multiples of this step,
	Last  int // and at this one; 0 if the stage does not know
}

// Measurer is a stage that knows which metrics its trial will have.
type Measurer interface{ Measures() []Measure }
