// Package power says what a factorial with a given number of replicates would
// find: the width of its intervals, its power for an effect, and its power to show
// equivalence. The standard deviations are those of a pilot, or given.
package power

import (
	"maps"
	"math"
	"slices"
	"strings"

	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/answer"
)

// upperConfidence is that of the upper bound of a pilot's standard deviation.
const upperConfidence = 0.9

// Question is what is asked about every contrast.
type Question struct {
	Replicates []int
	Effect     float64 // 0 means each contrast's estimate in the pilot
	Confidence float64
	Margin     float64 // of equivalence; 0 means none
	Alpha      float64 // of the tests for equivalence
	NotWorse   bool    // test one side of the margin
}

// Contrast is what is known of a contrast before the study is run.
type Contrast struct {
	Kind, Name string
	Estimate   float64 // of the pilot; NaN without one
	SD         float64 // of the contrast in one replicate
	Upper      float64 // upper 90 % bound of SD; NaN if SD is given
	Family     int     // hypotheses that are tested together; at least 1
	DF         float64 // degrees of freedom for each replicate after the first
	Welch      bool    // of independent samples: adjusted, there are no more than those of the smallest
	Wide       bool    // of tuned cells whose choice is uncertain: SD is that of a certain choice
}

// Answer is what a study with some replicates would find for one contrast.
// Upper numbers are those at the upper bound of the standard deviation.
type Answer struct {
	Replicates                    int
	Half, HalfUpper               float64
	Effect                        float64
	Power, PowerUpper             float64
	PowerAdjusted                 float64 // that the adjusted interval excludes 0
	Equivalence, EquivalenceUpper float64 // of a verdict, adjusted for the family; NaN without a margin
}

// Pilot reads the contrasts of a finished analysis, and names those that have no
// standard deviation. Names begin with the response where there are several.
func Pilot(r answer.Result) (known []Contrast, unknown []string) {
	for _, x := range r.All() {
		of := ""
		if r.Others != nil {
			of = x.Response + ": "
		}
		sizes := make(map[string]int)
		for _, f := range x.Families {
			sizes[f.Name] = f.Size
		}
		for _, c := range x.Contrasts {
			if c.Kind == "equivalence" || c.Kind == "recovery" || c.Kind == "affected" {
				continue
			}
			p, ok := pilotOf(c, x.Confidence)
			if !ok {
				unknown = append(unknown, of+c.Name)
				continue
			}
			p.Name, p.Family = of+p.Name, max(1, sizes[c.Family])
			known = append(known, p)
		}
	}
	return known, unknown
}

// pilotOf is what a pilot knows of a contrast; ok is false without a standard deviation.
func pilotOf(c answer.Contrast, confidence float64) (p Contrast, ok bool) {
	replicates := replicatesOf(c)
	if c.Half == nil || c.DF == nil || c.Estimate == nil || replicates < 2 {
		return Contrast{}, false
	}
	se := *c.Half / estimate.Plan{SE: 1, DF: *c.DF}.Half(confidence)
	sd := se * math.Sqrt(replicates)
	if c.Wide {
		sd /= estimate.Widening(replicates)
	}
	return Contrast{Kind: c.Kind, Name: c.ProgramName(), Estimate: *c.Estimate, SD: sd, Upper: sd * estimate.UpperSD(*c.DF, upperConfidence),
		DF: *c.DF / (replicates - 1), Welch: strings.HasSuffix(c.Method, "Welch t"), Wide: c.Wide}, true
}

// replicatesOf is the number of replicates that a contrast rests on: the pairs, or
// the harmonic mean of the sizes of its cells.
func replicatesOf(c answer.Contrast) float64 {
	if c.Pairs > 0 {
		return float64(c.Pairs)
	}
	sum := 0.0
	for _, cell := range slices.Sorted(maps.Keys(c.N)) { // the order decides the last bits
		sum += 1 / float64(c.N[cell])
	}
	return float64(len(c.N)) / sum
}

// Answers answers a question about one contrast, for each number of replicates.
func (q Question) Answers(c Contrast) []Answer {
	var out []Answer
	for _, n := range q.Replicates {
		out = append(out, q.answer(c, n))
	}
	return out
}

func (q Question) answer(c Contrast, n int) Answer {
	df := c.DF * float64(n-1)
	adjustedDF := df
	if c.Welch {
		adjustedDF = min(df, float64(n-1))
	}
	root := math.Sqrt(float64(n))
	if c.Wide {
		root /= estimate.Widening(float64(n))
	}
	planned := func(sd, df float64) estimate.Plan { return estimate.Plan{SE: sd / root, DF: df} }
	plan, adjusted := planned(c.SD, df), planned(c.SD, adjustedDF)
	a := Answer{Replicates: n, Half: plan.Half(q.Confidence), Effect: q.Effect}
	if a.Effect == 0 {
		a.Effect = math.Abs(c.Estimate)
	}
	alpha, family := 1-q.Confidence, float64(c.Family)
	a.Power, a.PowerAdjusted = plan.Power(a.Effect, alpha), adjusted.Power(a.Effect, alpha/family)
	a.Equivalence = q.equivalence(adjusted, family)
	if !math.IsNaN(c.Upper) {
		worst := planned(c.Upper, df)
		a.HalfUpper, a.PowerUpper = worst.Half(q.Confidence), worst.Power(a.Effect, alpha)
		a.EquivalenceUpper = q.equivalence(planned(c.Upper, adjustedDF), family)
	}
	return a
}

// equivalence is the probability of a verdict by Bonferroni's rule. That of the analysis, by Holm's,
// is as likely or more.
func (q Question) equivalence(p estimate.Plan, family float64) float64 {
	switch {
	case q.Margin == 0:
		return math.NaN()
	case q.NotWorse:
		return p.NotWorsePower(q.Margin, q.Alpha/family)
	}
	return p.EquivalencePower(q.Margin, q.Alpha/family)
}
