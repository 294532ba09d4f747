package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"ablate/hcl/addr"
	"ablate/stages/analysis/internal/design"
	"ablate/stages/analysis/internal/estimate"
	"ablate/stages/answer/numeral"
)

// incompleteReplicates is said where trials of these are not used.
const incompleteReplicates = "Some replicates are incomplete."

// warnings collects what limits an answer.
type warnings struct{ texts []string }

func (w *warnings) say(condition bool, text string, args ...any) {
	if condition {
		w.texts = append(w.texts, fmt.Sprintf(text, args...))
	}
}

// evaluations records on how many tokens trials were evaluated, and warns if the
// numbers differ.
func (r *effects) evaluations(t *design.Table) {
	if t.Fewest == t.Tokens {
		r.Tokens = t.Tokens
		return
	}
	r.say(true, "Some trials were evaluated on %d tokens and some on %d, so part of a difference may come from the text. "+
		"Set evaluate.batches so that all trials see the same number of tokens.", t.Fewest, t.Tokens)
}

// warnContrasts says which contrasts have no interval, and why.
func (r *effects) warnContrasts() {
	var single, unpaired, grouped, dropped, constant, own []string
	missing := make(map[string]bool)
	lost, all := 0, 0
	for _, c := range r.Contrasts {
		if c.Kind != "equivalence" {
			all++
		}
		if r.Error == string(estimate.PooledError) && c.Kind != "equivalence" && slices.Contains([]string{estimate.PairedT, estimate.WelchT, estimate.GroupedT, estimate.BoundedT}, c.Method) {
			own = append(own, c.ShortName())
		}
		switch {
		case c.Kind == "equivalence":
		case c.Missing != nil:
			lost++
			for _, m := range c.Missing {
				missing[m] = true
			}
		case c.Constant:
			constant = append(constant, c.ShortName())
		case c.Method == estimate.None:
			single = append(single, c.ShortName())
		case c.Method == estimate.WelchT:
			unpaired = append(unpaired, c.ShortName())
		case c.Method == estimate.GroupedT, c.Method == estimate.BoundedT:
			grouped = append(grouped, c.ShortName())
		case c.Dropped:
			dropped = append(dropped, c.ShortName())
		}
	}
	r.say(len(single) > 0, "%s no interval: one trial in a cell does not show how much trials vary. Add replicates.", contrastsHave(len(single), all))
	r.say(len(unpaired) > 0 && r.design.Paired && r.Error == string(estimate.OwnError),
		"Unpaired (Welch), because their cells share fewer than two replicates: %s.", some(unpaired))
	r.say(len(grouped) > 0, "Unpaired (Welch, grouped), because only some of their cells share two or more replicates, which are summed within each %s: %s.", r.Replicate, some(grouped))
	r.say(len(own) > 0, "error = \"pooled\" cannot be fitted, because some cells share no replicate with the others, even indirectly. Each contrast has its own error, and its line names the test: %s.", some(own))
	r.say(len(dropped) > 0, incompleteReplicates+" Each contrast uses those that all its cells have; its line says how many.")
	r.say(len(constant) > 0, "No test, because replicates do not differ by more than rounding: %s. Either the levels compute the same, or %s.", some(constant), r.sameNoise())
	r.sayUnflipped()
	if lost > 0 {
		advice := r.completeGrid()
		if r.part != nil { // sayPart gives it
			advice = ""
		}
		r.say(true, "%s be estimated: no usable trials in %s.%s", contrastsCannot(lost), some(sortedKeys(missing)), advice)
		r.sayNested()
	}
}

// sameNoise is why replicates of different levels may not differ.
func (r *effects) sameNoise() string {
	if !r.design.Paired {
		return "rows are copies of one run"
	}
	return "the " + r.Replicate + " changes nothing"
}

// sayUnflipped names contrasts without the sign-flip test that the study asks for.
func (r *effects) sayUnflipped() {
	var without []string
	for _, c := range r.Contrasts {
		if c.Kind != "equivalence" && c.P != nil && c.PFlip == nil && !c.Wide {
			without = append(without, c.ShortName())
		}
	}
	r.say(r.stage.SignFlip && len(without) > 0, "No sign-flip test, which needs from 2 to %d replicates that all cells of a contrast have: %s.", estimate.MostFlipped, some(without))
}

// sayNested names factors of which one determines the other, so that cells are missing by
// design.
func (r *effects) sayNested() {
	for i, f := range r.design.Factors {
		for j, g := range r.design.Factors {
			if len(f.Levels) < 2 || len(g.Levels) < 2 || i == j || !r.determines(i, j) {
				continue
			}
			if back := r.determines(j, i); !back {
				r.say(true, "Each level of %s has one level of %s, so %s can be compared only within a level of %s. A block contrast that names a level of every factor compares any two cells.", f.Name, g.Name, f.Name, g.Name)
			} else if i < j {
				r.say(true, "%s and %s vary together, so their effects cannot be told apart. A block contrast that names a level of every factor compares any two cells.", f.Name, g.Name)
			}
		}
	}
}

// determines reports whether all cells with a level of factor i have the same level of j.
func (r *effects) determines(i, j int) bool {
	of := make(map[int]int)
	for _, c := range r.design.Cells {
		if l, ok := of[c.Levels[i]]; ok && l != c.Levels[j] {
			return false
		}
		of[c.Levels[i]] = c.Levels[j]
	}
	return true
}

func contrastsHave(n, of int) string {
	if n == of {
		return "Contrasts have"
	}
	return fmt.Sprintf("%d of %d contrasts %s", n, of, verb(n, "has", "have"))
}

func verb(n int, one, several string) string {
	if n == 1 {
		return one
	}
	return several
}

func contrastsCannot(n int) string {
	if n == 1 {
		return "1 contrast cannot"
	}
	return fmt.Sprintf("%d contrasts cannot", n)
}

// some joins the first of many names.
func some(names []string) string {
	const most = 4
	rest := ""
	if n := len(names) - most; n > 1 {
		names, rest = names[:most], fmt.Sprintf(" and %d more", n)
	}
	separator := ", "
	if slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, ",") }) {
		separator = "; "
	}
	return strings.Join(names, separator) + rest
}

// spreadRatio is from which ratio of standard deviations on cells are named.
const spreadRatio = 4

// unequalSpread names cells whose standard deviations differ much. It decides
// nothing.
func (r *effects) unequalSpread() {
	var least, most int
	found := false
	for i, c := range r.Cells {
		switch {
		case c.SD == nil || *c.SD == 0:
		case !found:
			least, most, found = i, i, true
		case *c.SD < *r.Cells[least].SD:
			least = i
		case *c.SD > *r.Cells[most].SD:
			most = i
		}
	}
	if !found || *r.Cells[most].SD < spreadRatio**r.Cells[least].SD {
		return
	}
	text := "The s.d. of %s is %s times that of %s."
	if r.Error == string(estimate.PooledError) {
		text += " error = \"pooled\" assumes that they are equal; error = \"contrast\" does not."
	}
	name := func(i int) string { return r.design.CellName(r.design.Cells[i].Levels) }
	r.say(true, text, name(most), numeral.Significant(*r.Cells[most].SD / *r.Cells[least].SD, 2), name(least))
}

// sayEnds warns of trials that are compared at their last step, if these differ.
func (w *warnings) sayEnds(at addr.Level, t *design.Table) {
	least, most := math.MaxInt, 0
	for _, x := range t.Trials {
		if !x.Diverged && !x.Censored {
			least, most = min(least, x.Step), max(most, x.Step)
		}
	}
	w.say(at == finalStep && least < most, "Trials end at different steps, from %d to %d, and are compared at their last. If that is not meant, at compares them at one step.", least, most)
}

// sayDoubled names cells of which trials are not used, as two stages can have the same ones.
func (w *warnings) sayDoubled(d *design.Design) {
	w.say(len(d.Doubled) > 0, "Cells with two trials of one replicate: %s. Only the first trial is used.", join(slices.Compact(d.Doubled)))
}

// sayTable says what of the trials is not used.
func (r *effects) sayTable(t *design.Table) {
	r.say(t.Lacks != "", "The files have no column %s, which data \"results\" declares as the replicate. Rows are unpaired.", t.Lacks)
	r.say(len(t.Unused) > 0, "No trial has %s, which only names.", join(t.Unused))
	if r.stage.Target == nil {
		r.sayEnds(r.stage.At, t)
	}
	r.say(t.Valueless > 0, "%d of %d runs finished without a value of %s and count as diverged. If it was never measured for them, leave them out with where in data \"results\".", t.Valueless, len(t.Trials), r.Response)
	r.say(len(t.Without) == 1, "The trial %s has no %s and is left out.", join(t.Without), r.Response)
	r.say(len(t.Without) > 1, "%d trials have no %s and are left out: %s.", len(t.Without), r.Response, some(t.Without))
	r.sayDoubled(r.design)
}

// rates says what the adjustments hold, where so many families of all responses make claims.
func (r *effects) rates(claims int) {
	alpha := 100 * (1 - r.Confidence)
	var parts []string
	for _, f := range r.Families {
		if f.Claims() {
			parts = append(parts, fmt.Sprintf("%d %s", f.Size, familyName(f.Name, f.Size)))
		}
	}
	if len(parts) > 0 {
		text := fmt.Sprintf("Adjusted intervals hold for a whole family at once (%s), by Bonferroni's rule; p (Holm) is adjusted in the same family and can reject where an adjusted interval includes 0. "+
			"Where there is no effect, each family makes a false claim in at most %.3g %% of studies", join(parts), alpha)
		if r.Joint {
			text = strings.Replace(text, "for a whole family at once", "for a whole family of all responses at once", 1)
		}
		if claims > 1 {
			text += fmt.Sprintf(", and this analysis as a whole in at most %.3g %%", min(100, float64(claims)*alpha))
		}
		r.Notes = append(r.Notes, text+".")
	}
	if r.Error == string(estimate.PooledError) {
		r.Notes = append(r.Notes, "error = \"pooled\" assumes that the errors of all cells are independent, normal and of equal variance. Intervals with the error of each contrast alone are given beside.")
	}
	if r.Error == string(estimate.SeparateError) && r.design.Paired {
		r.Notes = append(r.Notes, "error = \"separate\" ignores that trials of one "+r.Replicate+" are paired.")
	}
}

// familyName is what the members of a family are called.
func familyName(kind string, n int) string {
	names := map[string]string{"gap": "gap", "main": "main effect", "interaction": "interaction", "declared": "declared contrast", affectedKind: "affected gap"}
	if n == 1 {
		return names[kind]
	}
	return names[kind] + "s"
}

// bootstrapProblem says why a design is too small for a bootstrap; "" if it is
// not.
func bootstrapProblem(d *design.Design) string {
	least := slices.MinFunc(d.Cells, func(a, b *design.Cell) int { return len(a.Values) - len(b.Values) })
	if n := len(least.Values); n < estimate.FewestResampled {
		return fmt.Sprintf("%s has %s. A bootstrap needs %d: with fewer its intervals are much too narrow.",
			d.CellName(least.Levels), numeral.Things(n, "replicate"), estimate.FewestResampled)
	}
	return ""
}
