package analysis

import (
	"fmt"
	"slices"
	"strconv"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/record"
)

// declaredTable is the table of an analysis as its trials declare it: factors and
// levels, without responses. open is true for finished runs, whose levels are
// known only when their files are read.
func declaredTable(trials []pipeline.Input, replicate string) (t *design.Table, open bool, list diag.List) {
	if r, ok := asResults(trials); ok {
		return declaredResults(r), true, nil
	}
	t = newTable(trials, replicate)
	if replicate != "seed" && t.Replicate < 0 { // a study need not have the factor seed
		list = unknownFactor("replicate", replicate, t)
	}
	for _, in := range trials {
		t.AddCell(design.Trial{}, in.Factors)
	}
	return t, false, list
}

// unknownFactor says that trials lack a factor.
func unknownFactor(attribute, name string, t *design.Table) diag.List {
	if t.Replicate >= 0 && t.Columns[t.Replicate].Name == name {
		return diag.Errorf(diag.Path{attribute}, "Replicate as factor",
			"%s is the replicate, whose levels are not compared. Remove it from %s, or choose another replicate.", name, attribute)
	}
	return diag.Errorf(diag.Path{attribute}, "Unknown factor", "The trials have no factor %q; they have %s.", name, join(t.Factors()))
}

// checkFactor refuses a factor that the trials lack.
func checkFactor(t *design.Table, attribute, name string) diag.List {
	if t.Factor(name) < 0 {
		return unknownFactor(attribute, name, t)
	}
	return nil
}

// checkLevel refuses a factor and level that no trial has. The levels of an open
// table are not known yet.
func checkLevel(t *design.Table, open bool, attribute, factor string, level addr.Level) diag.List {
	column := t.Factor(factor)
	if column < 0 {
		return unknownFactor(attribute, factor, t)
	}
	if open {
		return nil
	}
	_, list := t.FindPresent(diag.Path{attribute}, column, level)
	return list
}

// checkLevels is checkLevel for an attribute with a level for each factor.
func checkLevels(t *design.Table, open bool, attribute string, levels map[string]addr.Level) diag.List {
	var list diag.List
	for _, name := range sortedKeys(levels) {
		list = append(list, checkLevel(t, open, attribute, name, levels[name])...)
	}
	return list
}

// columns is a table of results that declares its responses.
type columns interface{ ResponseNames() []string }

// checkResponse refuses a response that the trials do not declare, and a step at
// which they do not have it. A program's metrics are not known beforehand.
func checkResponse(trials []pipeline.Input, response string, at addr.Level) diag.List {
	if r, ok := asResults(trials); ok {
		var list diag.List
		if c, ok := r.(columns); ok && !slices.Contains(c.ResponseNames(), response) {
			list = diag.Errorf(diag.Path{"response"}, "Unknown response", "%s has no response %q; it has %s.", trials[0].Address, response, join(c.ResponseNames()))
		}
		if at != finalStep && !hasCurves(trials[0]) {
			list = append(list, diag.Errorf(diag.Path{"at"}, "No steps", "%s has one value for each run and no steps. Remove at, or set curves = true there.", trials[0].Address)...)
		}
		return list
	}
	for _, t := range trials {
		if list := checkMeasure(t, response, at); len(list) > 0 {
			return list // the other trials would say the same
		}
	}
	return nil
}

func checkMeasure(t pipeline.Input, response string, at addr.Level) diag.List {
	m, ok := t.Stage.(record.Measurer)
	if !ok {
		return nil
	}
	measures := m.Measures()
	i := slices.IndexFunc(measures, func(x record.Measure) bool { return x.Name == response })
	if i < 0 {
		var names []string
		for _, x := range measures {
			names = append(names, x.Name)
		}
		return diag.Errorf(diag.Path{"response"}, "Unknown response", "%s has no metric %q; it has %s.", t.Address, response, join(names))
	}
	x := measures[i]
	if step, err := strconv.Atoi(at.Text); at.Kind == "number" && x.Every > 0 && (err != nil || !has(x, step)) {
		return diag.Errorf(diag.Path{"at"}, "No such step", "%s has %s %s, not at step %s.", t.Address, response, whenOf(x), at.Text)
	}
	return nil
}

// measureOf is when a trial has a response; ok is false if it does not say.
func measureOf(t pipeline.Input, response string) (m record.Measure, ok bool) {
	s, ok := t.Stage.(record.Measurer)
	if !ok {
		return m, false
	}
	for _, m := range s.Measures() {
		if m.Name == response {
			return m, m.Every > 0 && m.Last > 0
		}
	}
	return m, false
}

// has reports whether a metric is measured at a step.
func has(m record.Measure, step int) bool {
	return step >= 1 && step <= m.Last && (step%m.Every == 0 || step == m.Last)
}

// whenOf says at which steps a metric is measured.
func whenOf(m record.Measure) string {
	switch {
	case m.Every == 1:
		return fmt.Sprintf("at steps 1 to %d", m.Last)
	case m.Every >= m.Last:
		return fmt.Sprintf("at step %d", m.Last)
	}
	return fmt.Sprintf("every %d steps and at step %d", m.Every, m.Last)
}

// checkTrials checks what all analyses of trials have in common. ok is false if
// there is no table to check the rest against.
func checkTrials(in pipeline.Inputs, response string, at addr.Level) (list diag.List, ok bool) {
	trials := in.Refs["trials"]
	if list = checkSources(trials); len(list) > 0 {
		return list, false
	}
	return checkResponse(trials, response, at), true
}

// checkOpen refuses factors that where does not fix.
func checkOpen(t *design.Table, factor string, where map[string]addr.Level) diag.List {
	_, list := design.Slice(t, factor, "", where)
	return list
}

// Check implements pipeline.Checker.
func (f *Factorial) Check(in pipeline.Inputs) diag.List {
	list, ok := checkTrials(in, f.responses()[0], f.At)
	if !ok {
		return list
	}
	for _, response := range f.responses()[1:] {
		list = append(list, checkResponse(in.Refs["trials"], response, f.At)...)
	}
	if _, ok := asResults(in.Refs["trials"]); ok && f.Target != nil && !hasCurves(in.Refs["trials"][0]) {
		list = append(list, noSteps(in.Refs["trials"][0])...)
	}
	t, open, wrong := declaredTable(in.Refs["trials"], f.Replicate)
	list = append(list, wrong...)
	if len(t.Factors()) == 0 {
		return append(list, diag.Errorf(diag.Path{"trials"}, "No factors",
			"The trials have no factors to compare. Give their train stage a matrix.")...)
	}
	list = append(list, f.restrict(t, open)...)
	if f.Bootstrap != nil && !open && len(list) == 0 {
		if why := bootstrapProblem(f.designed(t, f.Replicate)); why != "" {
			list = diag.Errorf(diag.Path{"bootstrap"}, "Too few replicates", "%s Remove the block; the intervals of t stand.", why)
		}
	}
	return list
}

// Check implements pipeline.Checker.
func (a *Recovery) Check(in pipeline.Inputs) diag.List {
	list, ok := checkTrials(in, a.Response, a.At)
	if !ok {
		return list
	}
	t, open, wrong := declaredSlice(in, a.Replicate, a.Factor, a.Where)
	list = append(list, wrong...)
	if t.Factor(a.Factor) < 0 {
		return list
	}
	list = append(list, checkLevelAt(t, open, "lost", a.Factor, a.Lost, a.Where)...)
	return append(list, checkLevelAt(t, open, "baseline", a.Factor, a.Baseline, a.Where)...)
}

// checkLevelAt is checkLevel among the trials that have the levels of where. Where these
// are unknown, which is reported elsewhere, it is checkLevel.
func checkLevelAt(t *design.Table, open bool, attribute, factor string, level addr.Level, where map[string]addr.Level) diag.List {
	if !open {
		if d, wrong := design.Slice(t, factor, "", where); len(wrong) == 0 {
			_, list := cellAt(d, attribute, level)
			return list
		}
	}
	return checkLevel(t, open, attribute, factor, level)
}

// declaredSlice is the declared table of an analysis of one factor, with the
// mistakes in the factor and in the levels that fix the others.
func declaredSlice(in pipeline.Inputs, replicate, factor string, where map[string]addr.Level) (t *design.Table, open bool, list diag.List) {
	t, open, list = declaredTable(in.Refs["trials"], replicate)
	return t, open, append(list, checkSlice(t, open, factor, where)...)
}

func checkSlice(t *design.Table, open bool, factor string, where map[string]addr.Level) diag.List {
	list := checkFactor(t, "factor", factor)
	if _, ok := where[factor]; ok {
		list = append(list, diag.Errorf(diag.Path{"where"}, "Unusable factor", "where fixes %s, whose levels are compared. Remove it from where.", factor)...)
	}
	list = append(list, checkLevels(t, open, "where", where)...)
	if len(list) == 0 && !open {
		list = checkOpen(t, factor, where)
	}
	return list
}

// Check implements pipeline.Checker.
func (a *Dose) Check(in pipeline.Inputs) diag.List {
	list, ok := checkTrials(in, a.Response, a.At)
	if !ok {
		return list
	}
	t, open, wrong := declaredSlice(in, a.Replicate, a.Factor, a.Where)
	list = append(list, wrong...)
	if a.Baseline.Kind != "" && t.Factor(a.Factor) >= 0 {
		list = append(list, checkLevelAt(t, open, "baseline", a.Factor, a.Baseline, a.Where)...)
	}
	if len(list) > 0 || open {
		return list
	}
	d, list := design.Slice(t, a.Factor, "", a.Where)
	for i, l := range d.Factors[0].Levels {
		if _, ok := doseOf(l); !ok && (a.Baseline.Kind == "" || !design.Same(l.ID, a.Baseline)) {
			return append(list, notDose(d.Factors[0], i)...)
		}
	}
	return list
}

// Check implements pipeline.Checker.
func (a *Trajectory) Check(in pipeline.Inputs) diag.List {
	list, ok := checkTrials(in, a.Response, finalStep)
	if !ok {
		return list
	}
	trials := in.Refs["trials"]
	if _, ok := asResults(trials); ok && !hasCurves(trials[0]) {
		list = append(list, diag.Errorf(diag.Path{"trials"}, "No steps", "%s has one value for each run and no steps. Set curves = true there.", trials[0].Address)...)
	}
	for _, step := range a.At {
		list = append(list, checkResponse(in.Refs["trials"], a.Response, addr.Level{Kind: "number", Text: strconv.Itoa(step)})...)
	}
	t, open, wrong := declaredSlice(in, a.Replicate, a.Factor, a.Where)
	list = append(list, wrong...)
	if t.Factor(a.Factor) < 0 {
		return list
	}
	if len(list) == 0 {
		list = checkCommonStep(in.Refs["trials"], a.Response)
	}
	return append(list, checkLevelAt(t, open, "baseline", a.Factor, a.Baseline, a.Where)...)
}

// checkCommonStep refuses trials that have a response at no common step.
func checkCommonStep(trials []pipeline.Input, response string) diag.List {
	var all []record.Measure // trials mostly share one
	var of []addr.Instance   // the first trial of each
	fewest := 0
	for _, t := range trials {
		m, ok := measureOf(t, response)
		if !ok {
			return nil
		}
		if slices.Contains(all, m) {
			continue
		}
		all, of = append(all, m), append(of, t.Address)
		if x := all[fewest]; m.Last/m.Every < x.Last/x.Every {
			fewest = len(all) - 1
		}
	}
	lacks := func(step int) int { // the first that has no value at a step, -1 for none
		return slices.IndexFunc(all, func(m record.Measure) bool { return !has(m, step) })
	}
	m := all[fewest]
	for step := m.Every; step <= m.Last; step += m.Every {
		if lacks(step) < 0 {
			return nil
		}
	}
	other := lacks(m.Last)
	if other < 0 {
		return nil
	}
	return diag.Errorf(diag.Path{"trials"}, "No common step", "There is no step at which all trials have %s: %s has it %s, and %s %s. A trajectory compares trials at the steps that all have.",
		response, of[fewest], whenOf(m), of[other], whenOf(all[other]))
}

// prober is a train stage that says whether it records probes.
type prober interface{ Probes() bool }

// Check implements pipeline.Checker.
func (a *Mechanism) Check(in pipeline.Inputs) diag.List {
	trials := in.Refs["trials"]
	list := checkSources(trials)
	if len(trials) == 0 {
		return list
	}
	for _, t := range trials {
		switch p, ok := t.Stage.(prober); {
		case !ok:
			return append(list, diag.Errorf(diag.Path{"trials"}, "No probes", "%s is a program, which records no probes: train \"lm\" alone does.", t.Address)...)
		case !p.Probes():
			return append(list, noProbes(t.Address)...)
		}
	}
	if len(list) == 0 {
		_, _, list = declaredTable(trials, a.Replicate)
	}
	return append(list, a.checkRecorded(trials)...)
}

// readable is a train stage that says what its probes record: by quantity, the sites.
type readable interface {
	Readings(in pipeline.Inputs) map[string][]string
}

// mostRead is the number of trials of which readings are looked up: the first one mostly
// has them.
const mostRead = 1000

// checkRecorded refuses a quantity that no trial records at the site.
func (a *Mechanism) checkRecorded(trials []pipeline.Input) diag.List {
	if len(trials) > mostRead {
		return nil
	}
	seen := make(readings)
	for _, t := range trials {
		r, ok := t.Stage.(readable)
		if !ok || t.Declared == nil {
			return nil
		}
		found := r.Readings(t.Declared())
		if found == nil {
			return nil
		}
		for quantity, sites := range found {
			for _, site := range sites {
				seen[reading{quantity, site}] = true
			}
		}
		if seen[reading{a.Quantity, a.Site}] {
			return nil
		}
	}
	return a.notRecorded(seen)
}

// reading is a quantity at a site.
type reading struct{ quantity, site string }

type readings map[reading]bool

// notRecorded says what probes record instead of the quantity at the site.
func (a *Mechanism) notRecorded(seen readings) diag.List {
	sites, quantities := make(map[string]bool), make(map[string]bool)
	for r := range seen {
		if r.quantity == a.Quantity {
			sites[r.site] = true
		}
		if r.site == a.Site {
			quantities[r.quantity] = true
		}
	}
	switch {
	case len(sites) > 0:
		return diag.Errorf(diag.Path{"site"}, "Nothing recorded", "No trial records %s at %q. It is recorded at %s.", a.Quantity, a.Site, join(sortedKeys(sites)))
	case len(quantities) > 0:
		return diag.Errorf(diag.Path{"quantity"}, "Nothing recorded", "No trial records %s. At %q trials record %s.", a.Quantity, a.Site, join(sortedKeys(quantities)))
	}
	return diag.Errorf(diag.Path{"quantity"}, "Nothing recorded", "No trial records %s, nor anything else at %q. Choose another quantity or site.", a.Quantity, a.Site)
}

func noProbes(of addr.Instance) diag.List {
	return diag.Errorf(diag.Path{"trials"}, "No probes", "%s records no probes. Add probe { every = … } to its train stage.", of)
}

// Check implements pipeline.Checker.
func (t *Table) Check(in pipeline.Inputs) diag.List {
	list, _ := checkTrials(in, t.Response, t.At)
	return list
}

// Check implements pipeline.Checker.
func (c *Command) Check(in pipeline.Inputs) diag.List { return checkSources(in.Refs["trials"]) }
