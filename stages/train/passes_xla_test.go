//go:build xla && cgo && linux

package train

import (
	"regexp"
	"strings"
	"testing"

	"ablate/hcl/formula"
	"ablate/stages/internal/ml"
)

// operation is an operation of a StableHLO program.
type operation struct {
	name     string
	operands []string
	result   string // its type
}

var (
	assignment = regexp.MustCompile(`^\s*(%\w+)(?::\d+)? = "stablehlo\.(\w+)"\(([^)]*)\)`)
	signature  = regexp.MustCompile(`-> \(?tensor<([^>]*)>`)
	returned   = regexp.MustCompile(`"stablehlo\.return"\(([^)]*)\)`)
)

// operations parses a program, and lists what its main function returns.
func operations(text string) (ops map[string]*operation, results []string) {
	ops = make(map[string]*operation)
	var open *operation // whose type is on a later line
	for line := range strings.Lines(text) {
		if m := assignment.FindStringSubmatch(line); m != nil {
			of := &operation{name: m[2], operands: strings.Split(m[3], ", ")}
			ops[m[1]] = of
			if open == nil || strings.HasPrefix(line, "    %") && !strings.HasPrefix(line, "     ") {
				open = of
			}
		}
		if m := returned.FindStringSubmatch(line); m != nil {
			results = strings.Split(m[1], ", ")
		}
		if m := signature.FindStringSubmatch(line); m != nil && open != nil && open.result == "" && strings.HasPrefix(line, "    ") && !strings.HasPrefix(line, "     ") {
			open.result = m[1]
		}
	}
	return ops, results
}

// scorePasses counts the bytes of scores that a program reads and writes if XLA fuses
// all it can: factors and results of products are in memory, a reduction reads them
// through the operations before it, and everything else is computed on the way.
func scorePasses(text string, isScores func(dims string) bool) (reads, writes int64) {
	ops, results := operations(text)
	live := make(map[string]bool)
	for todo := results; len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if of := ops[id]; of != nil && !live[id] {
			live[id] = true
			todo = append(todo, of.operands...)
		}
	}
	size := func(id string) int64 {
		of := ops[id]
		if of == nil || !isScores(of.result) {
			return 0
		}
		return tensorBytes(of.result)
	}
	stored := make(map[string]bool)
	for id := range live {
		if ops[id].name == "dot_general" {
			for _, s := range append(ops[id].operands, id) {
				stored[s] = stored[s] || size(s) > 0
			}
		}
	}
	// inputs are the stored scores that an operation reads.
	var inputs func(id string, seen map[string]bool) int64
	inputs = func(id string, seen map[string]bool) (n int64) {
		for _, s := range ops[id].operands {
			if size(s) == 0 || seen[s] {
				continue
			}
			seen[s] = true
			if stored[s] {
				n += size(s)
			} else {
				n += inputs(s, seen)
			}
		}
		return n
	}
	for id := range live {
		if name := ops[id].name; name == "dot_general" || name == "reduce" || stored[id] {
			reads += inputs(id, make(map[string]bool))
		}
		if stored[id] {
			writes += size(id)
		}
	}
	return reads, writes
}

// Lowered, the loss writes the scores and their gradient once, in bf16. It reads the
// scores for the largest, for the sum and for the gradient, and that for two products.
func TestXLALossPasses(t *testing.T) {
	const rows, v, p, bf16 = 2 * 128, 50257, 50304, 2
	for name, c := range map[string]struct {
		chunk   int
		formula formula.Formula
		more    int64 // passes
	}{
		"whole": {}, "chunks": {chunk: 128}, "z-loss": {formula: withSquare("log_z")},
		"mean of the scores": {formula: withSquare("mean_logit"), more: 1},
	} {
		r := largeRecipe(c.chunk)
		r.formula = c.formula
		passes := func(r *recipe) (reads, writes int64) {
			var s seen
			if _, err := ml.Compile(observing{forCUDA(), false, &s}, r.step()); s.text == "" {
				t.Fatal(err)
			}
			return scorePasses(s.text, regexp.MustCompile(`^(256|2x128|128)x(50257|50304)x`).MatchString)
		}
		reads, writes := passes(r)
		fewer, fewerWrites := passes(r.lower())
		t.Logf("%s: the loss reads %d bytes of scores and writes %d, and lowered %d and %d", name, reads, writes, fewer, fewerWrites)
		if want := (6 + c.more) * rows * v * bf16; reads != want || writes != 2*rows*v*bf16 {
			t.Errorf("%s: the loss reads %d bytes of scores and writes %d, want %d and %d", name, reads, writes, want, 2*rows*v*bf16)
		}
		if want := (5 + c.more) * rows * p * bf16; fewer != want || fewerWrites != 2*rows*p*bf16 {
			t.Errorf("%s: lowered, the loss reads %d bytes of scores and writes %d, want %d and %d", name, fewer, fewerWrites, want, 2*rows*p*bf16)
		}
	}
}
