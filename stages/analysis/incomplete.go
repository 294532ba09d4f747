package analysis

import (
	"fmt"
	"slices"
	"strings"

	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
)

// completePart is a large part of a design in which every cell has trials. A design
// of which trials diverged has none: leaving those cells out would select by outcome.
type completePart struct {
	design *design.Design
	cells  []int               // of the whole design, by cell of the part
	over   map[string][]string // by factor of which levels are left out, the levels that remain
}

// complete finds the complete part of an incomplete design; nil without one.
func (r *effects) complete() *completePart {
	keep := design.CompletePart(r.design)
	if keep == nil || r.design.Failed() {
		return nil
	}
	part, cells, ok := r.design.Part(keep)
	if !ok {
		return nil
	}
	p := &completePart{part, cells, make(map[string][]string)}
	for i, f := range part.Factors {
		if len(f.Levels) < len(r.design.Factors[i].Levels) {
			p.over[f.Name] = f.Labels
		}
	}
	return p
}

// fill replaces averages that need empty cells by averages over the part.
func (p *completePart) fill(all []design.Contrast) {
	if p == nil {
		return
	}
	for _, c := range p.design.Averages() {
		if len(c.Missing) > 0 {
			continue
		}
		i := slices.IndexFunc(all, func(x design.Contrast) bool {
			return x.Kind == c.Kind && len(x.Missing) > 0 && slices.Equal(x.Terms, c.Terms)
		})
		if i < 0 {
			continue
		}
		weights := make(map[int]float64, len(c.Weights))
		for k, w := range c.Weights {
			weights[p.cells[k]] = w
		}
		all[i].Weights, all[i].Missing, all[i].Over = weights, nil, p.over
	}
}

// text names the levels of the part: "norm = rmsnorm, derf".
func (p *completePart) text() string {
	var parts []string
	for _, name := range sortedKeys(p.over) {
		parts = append(parts, name+" = "+join(p.over[name]))
	}
	return strings.Join(parts, "; ")
}

// anovaOver is the analysis of variance of the part.
func (r *effects) anovaOver(p *completePart) (why estimate.Problem) {
	r.Anova, r.AnovaBy, why = estimate.Anova(p.design, estimate.Error(r.Error), estimate.Squares(r.stage.Squares))
	if r.AnovaBy != "" {
		r.AnovaBy += ", over " + p.text()
	}
	return why
}

// sayPart says which effects are those of the part, and how to select it everywhere.
func (r *effects) sayPart(p *completePart) {
	if p != nil {
		r.say(true, "Some cells have no trial. Main effects and interactions that need them, and the analysis of variance, are those of a complete part of the design: %s.%s", p.text(), r.completeGrid())
	}
}

// completeGrid is the HCL that selects the complete part of the design; "" where
// trials diverged, since leaving their cells out would select by outcome.
func (r *effects) completeGrid() string {
	keep := design.CompletePart(r.design)
	if keep == nil || r.design.Failed() {
		return ""
	}
	var blocks []string
	for i, f := range r.design.Factors {
		if len(keep[i]) == len(f.Levels) {
			continue
		}
		var levels []string
		for _, l := range keep[i] {
			levels = append(levels, fmt.Sprintf("%q", f.Labels[l]))
		}
		blocks = append(blocks, fmt.Sprintf("factor = %q and levels = [%s]", f.Name, join(levels)))
	}
	return " To analyse a complete part alone, add a block only with " + strings.Join(blocks, ", and another with ") + "."
}
