package hcl

import (
	"fmt"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Limits on what a study may ask for. They are far above what a study needs, and
// low enough that any study loads or fails within 2 GiB of memory. HCL itself
// has no limits: nested loops, templates that double a text, and deep nesting
// would exhaust memory, or the stack, which ends the process without a message.
const (
	maxFileSize     = 4 << 20     // bytes of one file
	maxStudySize    = 8 << 20     // bytes of all files of a study
	maxNesting      = 200         // brackets, blocks, templates and signs inside one another
	maxTokens       = 20_000      // tokens of one attribute or list element
	maxChain        = 500         // locals or stages that refer to one another in a row
	maxSteps        = 1_000_000   // loop iterations and interpolations of one expression
	maxTotalSteps   = 200_000_000 // of all expressions of a study
	maxText         = 8 << 20     // bytes of text that one expression makes
	maxElements     = 500_000     // elements of one value, nested ones included
	maxDigits       = 1_500       // digits of a number before or after the point
	maxCombinations = 1_000_000   // of the levels of a matrix, before exclude
	maxInstances    = 250_000     // of all stages
	maxHeap         = 3 << 29     // bytes that loading may add to the heap: 1.5 GiB
)

const longNumber = "A number here has more than 1500 digits before or after the decimal point."

// tooLarge is the panic that aborts the evaluation of an expression. An error
// would not: HCL evaluates the rest of a loop after an error.
type tooLarge struct {
	at     hclv2.Range
	detail string
}

// meter counts the work of evaluating expressions.
type meter struct {
	steps, text int // of the expression that is being evaluated
	total       int // steps of all expressions

	exceeded *tooLarge // kept, since try() recovers from panics
}

// start resets the counts for the next expression.
func (m *meter) start() {
	m.steps, m.text, m.exceeded = 0, 0, nil
	m.total++
}

// charge counts one value of a loop, template, operator or function.
func (m *meter) charge(v cty.Value, at hclv2.Range) {
	m.add(1, 0, at)
	if v == cty.NilVal || v.IsNull() || !v.IsKnown() {
		return
	}
	switch v.Type() {
	case cty.String:
		m.add(0, len(v.AsString()), at)
	case cty.Number:
		if hugeExponent(v) {
			m.exceed(at, longNumber)
		}
	}
}

// weigh counts a whole value, which may be much larger as a tree than in
// memory: nested lists share their elements.
func (m *meter) weigh(v cty.Value, at hclv2.Range) {
	if v == cty.NilVal || v.IsNull() || !v.IsKnown() {
		return
	}
	switch t := v.Type(); {
	case t.IsObjectType() && t.HasAttribute(identity):
		m.add(1, 0, at) // a reference
	case t.IsObjectType() || t.IsMapType() || t.IsTupleType() || t.IsListType() || t.IsSetType():
		m.add(1, 0, at)
		for it := v.ElementIterator(); it.Next(); {
			_, element := it.Element()
			m.weigh(element, at)
		}
	default:
		m.charge(v, at)
	}
}

func (m *meter) add(steps, text int, at hclv2.Range) {
	m.steps += steps
	m.text += text
	m.total += steps + text/16
	switch {
	case m.steps > maxSteps:
		m.exceed(at, "This expression takes more than %d steps. Use shorter lists or fewer nested loops.", maxSteps)
	case m.text > maxText:
		m.exceed(at, "This expression makes more than %d MiB of text. Put large texts into a data stage.", maxText>>20)
	case m.total > maxTotalSteps:
		m.exceed(at, "The expressions of this study take more than %d steps in total. Use shorter lists or fewer instances.", maxTotalSteps)
	}
}

func (m *meter) exceed(at hclv2.Range, detail string, args ...any) {
	m.exceeded = &tooLarge{at, fmt.Sprintf(detail, args...)}
	panic(*m.exceeded)
}

// hugeExponent reports whether a number would be written with so many digits
// that writing it takes noticeable time.
func hugeExponent(v cty.Value) bool {
	f := v.AsBigFloat()
	if f.IsInf() {
		return false
	}
	const bitsPerDigit = 3.33
	digits := float64(f.MantExp(nil)) / bitsPerDigit
	return digits > maxDigits || digits < -maxDigits
}
