package simd

import (
	"sync"
	"sync/atomic"
)

// Chain runs products and programs part by part: a part of a batch passes all stages
// before a core takes the next one, so that what one stage writes is in the cache when
// the next one reads it. Each stage is what computes a part. Elements are computed as
// they are by the whole products and programs.
type Chain struct {
	Parts   int
	Stages  []Stage
	Scratch int // numbers that a part needs for values that only stages read
}

// Stage is a product of two inputs, the factors a and b, or a program. The other one is
// nil.
type Stage struct {
	Product         *Product
	Program         *Program
	Inputs, Outputs []Slot
	Copies          []Copy // made after it
}

// Copy is a value in scratch memory of which an output of the chain gets a copy.
type Copy struct {
	From   Slot
	Output int
}

// Memory is where a value of a chain is.
type Memory int

// Memory of values.
const (
	Input   Memory = iota // of the chain
	Output                // of the chain
	Scratch               // of a core, for one part at a time
)

// Slot is where a stage finds a value. Index is that of the input or output, or the first
// number in scratch memory.
type Slot struct {
	Memory Memory
	Index  int
	Part   int // numbers of one part, or 0 if each part reads all
}

// cost returns about how many elements the work on a part is worth.
func (c *Chain) cost() int {
	n := 0
	for _, s := range c.Stages {
		if p := s.Product; p != nil {
			n += p.count() * p.M * p.N * p.K / termsPerElement
		} else {
			n += s.Program.cost(s.Program.Rows)
		}
	}
	return max(1, n)
}

// Run computes the outputs.
func (c *Chain) Run(outputs, inputs [][]float32, _ [][]int32) {
	run := chainRuns.Add(1)
	Parallel(c.Parts, c.cost(), func(from, to int) {
		e := chainExecutors.Get().(*chainExecutor)
		defer e.end()
		e.begin(c, run)
		for part := from; part < to; part++ {
			for i := range c.Stages {
				e.stage(i, part, outputs, inputs)
			}
		}
	})
}

// chainExecutor runs stages on one goroutine.
type chainExecutor struct {
	*Chain
	run     int64
	scratch []float32
	factors []packedFactor
	kept    [][]packedFactor // for each stage, the factors that are the same for all parts

	outputs, inputs [][]float32 // of the stage that runs
}

// Executors serve all chains, so that their memory stays in the cache.
var (
	chainExecutors = sync.Pool{New: func() any { return &chainExecutor{} }}
	chainRuns      atomic.Int64
)

// begin prepares for a run. Factors that were packed in it stay packed.
func (e *chainExecutor) begin(c *Chain, run int64) {
	if e.run == run {
		return
	}
	e.Chain, e.run = c, run
	if len(e.scratch) < c.Scratch {
		e.scratch = make([]float32, c.Scratch)
	}
	count := make([]int, len(c.Stages))
	n := 0
	for i, s := range c.Stages {
		if s.Product != nil && s.Inputs[1].Part == 0 {
			count[i] = s.Product.factors()
			n += count[i]
		}
	}
	for len(e.factors) < n {
		e.factors = append(e.factors, packedFactor{})
	}
	for i := range e.factors {
		e.factors[i].full = false
	}
	e.kept = make([][]packedFactor, len(c.Stages))
	n = 0
	for i := range e.kept {
		if count[i] > 0 {
			e.kept[i] = e.factors[n:][:count[i]]
			n += count[i]
		}
	}
}

// end keeps the executor, but none of the values.
func (e *chainExecutor) end() {
	clear(e.outputs)
	clear(e.inputs)
	chainExecutors.Put(e)
}

// stage runs a stage for one part.
func (e *chainExecutor) stage(i, part int, outputs, inputs [][]float32) {
	s := &e.Stages[i]
	e.outputs, e.inputs = e.outputs[:0], e.inputs[:0]
	for _, slot := range s.Outputs {
		e.outputs = append(e.outputs, e.value(slot, part, outputs, inputs))
	}
	for _, slot := range s.Inputs {
		e.inputs = append(e.inputs, e.value(slot, part, outputs, inputs))
	}
	if s.Product != nil {
		s.Product.runAlone(e.outputs[0], e.inputs[0], e.inputs[1], 0, s.Product.count(), e.kept[i])
	} else {
		r := run{Program: s.Program, inputs: e.inputs, outputs: e.outputs}
		r.blocks(0, s.Program.Blocks())
	}
	for _, c := range s.Copies {
		n := c.From.Part
		stream(outputs[c.Output][part*n:][:n], e.scratch[c.From.Index:][:n])
	}
}

// value returns the numbers of a part.
func (e *chainExecutor) value(s Slot, part int, outputs, inputs [][]float32) []float32 {
	switch s.Memory {
	case Scratch:
		return e.scratch[s.Index:][:s.Part:s.Part]
	case Output:
		return outputs[s.Index][part*s.Part:][:s.Part:s.Part]
	}
	if s.Part == 0 {
		return inputs[s.Index]
	}
	return inputs[s.Index][part*s.Part:][:s.Part:s.Part]
}
