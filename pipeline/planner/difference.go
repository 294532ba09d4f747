package planner

import (
	"slices"
	"strconv"
	"strings"

	"ablate/cache"
	"ablate/pipeline/action"
)

// difference is a change before it is put into words. Only those of the nearest
// entry are.
type difference struct {
	cache.Difference
	code bool   // a fingerprint
	part string // of a fingerprint: the part that explains it
	swap bool   // an input of another type
}

// differences lists what differs between a past action and a described task. Notes
// count too: the fields that a fingerprint stands for say more than the fingerprint.
// Below an input whose type changed, the rest follows from that and is left out; so
// do fingerprints when the spec or an input explains them. Behaviours never follow
// from those: the program changed.
func differences(old pastAction, t *Task) []difference {
	all := allDifferences(old, t)
	swapped := make(map[string]bool)
	for _, d := range all {
		if isSwap(d.Path) {
			swapped[d.Path[1]] = true
		}
	}
	var out, code []difference
	for _, d := range all {
		below := len(d.Path) > 1 && d.Path[0] == "inputs" && swapped[d.Path[1]]
		switch swap := isSwap(d.Path); {
		case d.Path[0] == "code":
			code = append(code, difference{Difference: d, code: true})
		case !below || swap:
			out = append(out, difference{Difference: d, swap: swap})
		}
	}
	if len(code) == 0 {
		return out
	}
	parts := changedParts(old, t, out)
	explained := len(parts) == 0 && slices.ContainsFunc(out, func(d difference) bool { return explainsCode(d, t) })
	for _, c := range code {
		if explained && !isBehaviour(c.Path) {
			continue
		}
		if !isBehaviour(c.Path) {
			c.part = strings.Join(parts, ", ")
		}
		out = append(out, c)
	}
	return out
}

// isBehaviour reports whether a path is the behaviour of host code.
func isBehaviour(path []string) bool { return len(path) > 1 && path[1] == "behaviour" }

// explainsCode reports whether fingerprints may follow from a difference: from an
// input, and of a spec whose fields are witnessed by fingerprints from those alone.
// Without such fields any of the spec will do.
func explainsCode(d difference, t *Task) bool {
	switch d.Path[0] {
	case "inputs":
		return d.Path[1] != "study"
	case "spec":
		return t.action.Notes().At("spec").IsZero() || t.node.Kind.IsWitnessed(d.Path[1])
	}
	return false
}

// allDifferences compares ingredients and notes, in the order of the paths. Without
// a difference in ingredients it is the same action, whatever the notes hold.
func allDifferences(old pastAction, t *Task) []cache.Difference {
	all := wholeLevels(old.ingredients, t.action.Ingredients())
	if len(all) == 0 {
		return nil
	}
	was, now := alignNotes(action.OrEmpty(old.notes), t.action.Notes())
	for _, section := range []string{"inputs", "spec"} {
		replaced := make(map[string]bool) // lists whose elements notes name
		for _, d := range wholeLevels(action.OrEmpty(was.At(section)), action.OrEmpty(now.At(section))) {
			d = typeOfInput(cache.Difference{Path: append([]string{section}, d.Path...), A: d.A, B: d.B})
			list := d.Path[:2]
			switch {
			case !t.action.Ingredients().At(list...).IsList():
				if slices.ContainsFunc(all, func(known cache.Difference) bool { return slices.Equal(known.Path, d.Path) }) {
					continue
				}
			case was.At(list...).IsZero() || now.At(list...).IsZero():
				continue
			case !replaced[list[1]]:
				replaced[list[1]] = true
				all = slices.DeleteFunc(all, func(known cache.Difference) bool { return isUnnamed(known.Path, list) })
			}
			all = append(all, d)
		}
	}
	slices.SortStableFunc(all, func(a, b cache.Difference) int { return slices.Compare(a.Path, b.Path) })
	return all
}

// wholeLevels is cache.Diff in which a level of a factor or parameter differs as a
// whole, not in its kind and its text.
func wholeLevels(a, b cache.Value) []cache.Difference {
	var out []cache.Difference
	for _, d := range cache.Diff(a, b) {
		if last := len(d.Path) - 1; last > 0 && (d.Path[last] == "kind" || d.Path[last] == "level") {
			was, now := elementAt(a, d.Path[:last]), elementAt(b, d.Path[:last])
			if isLevel(was) && isLevel(now) {
				d = cache.Difference{Path: d.Path[:last], A: was, B: now}
			}
		}
		if n := len(out); n == 0 || !slices.Equal(out[n-1].Path, d.Path) {
			out = append(out, d)
		}
	}
	return out
}

// elementAt is Value.At for paths that lead through lists.
func elementAt(v cache.Value, path []string) cache.Value {
	for _, name := range path {
		if i, err := strconv.Atoi(name); err == nil && i < len(v.Elements()) {
			v = v.Elements()[i]
		} else {
			v = v.At(name)
		}
	}
	return v
}

// isUnnamed reports whether a path is that of a list or lies in one of its elements,
// which notes describe by name.
func isUnnamed(path, list []string) bool {
	if len(path) < len(list) || !slices.Equal(path[:len(list)], list) {
		return false
	}
	return len(path) == len(list) || strings.Trim(path[len(list)], "0123456789") == ""
}

// isSwap reports whether a path is the type of an input.
func isSwap(path []string) bool { return len(path) == 3 && path[0] == "inputs" && path[2] == "type" }

// changedParts names the parts of a composed computation whose own fingerprint
// differs although their spec does not: the program changed there.
func changedParts(old pastAction, t *Task, other []difference) []string {
	var parts []string
	was, now := alignNotes(action.OrEmpty(old.notes), t.action.Notes())
	for _, d := range cache.Diff(action.OrEmpty(was.At("parts")), action.OrEmpty(now.At("parts"))) {
		part := d.Path[0]
		explained := slices.ContainsFunc(other, func(d difference) bool {
			path := d.name()
			return path == part || strings.HasPrefix(path, part+".")
		})
		if !explained && !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return parts
}

// name is the path as users read it; the type of an input stands for the input.
func (d difference) name() string {
	if d.swap {
		return d.Path[1]
	}
	return action.JoinPath(d.Path)
}

// weight orders candidates: the one with the fewest differing parts wins. An input
// counts as one part however much of it differs, and so does the program; an input
// of another type is further away than one with another spec.
func weight(changes []difference) int {
	const perPart, perSwap = 1000, 100
	sum := 0
	seen := make(map[string]bool)
	for _, c := range changes {
		head := c.Path[0]
		if !c.code && len(c.Path) > 1 { // below spec or inputs
			head = c.Path[1]
		}
		if !seen[head] {
			sum += perPart
		}
		seen[head] = true
		if c.swap {
			sum += perSwap
		}
		sum += size(c)
	}
	return sum
}

// size is how much a difference counts: lists of different lengths by the elements
// that only one of them has, so that a list of the same length is not further away for
// having each of its changes named.
func size(d difference) int {
	if !d.A.IsList() || !d.B.IsList() {
		return 1
	}
	was, now := hashes(d.A.Elements()), hashes(d.B.Elements())
	left := make(map[cache.Key]int, len(was))
	for _, k := range was {
		left[k]++
	}
	both := 0
	for _, k := range now {
		if left[k] > 0 {
			left[k]--
			both++
		}
	}
	return max(1, len(was)+len(now)-2*both)
}

// changesOf puts differences from a task into words.
func changesOf(list []difference, t *Task) []Change {
	var out []Change
	for _, d := range list {
		was, now := d.A, d.B
		if was.IsList() && now.IsList() {
			out = append(out, elementChanges(d)...)
			continue
		}
		if was.IsZero() {
			was = elidedDefault(d.Path, t)
		}
		if now.IsZero() {
			now = elidedDefault(d.Path, t)
		}
		c := Change{Path: d.name(), Code: d.code, Part: d.part}
		c.Was, c.Now = texts(was, now)
		out = append(out, c)
	}
	return out
}

// elidedDefault returns the default of a field that ingredients leave out.
func elidedDefault(path []string, t *Task) cache.Value {
	switch {
	case path[0] == "spec":
		return t.node.Kind.Default(path[1:]...)
	case len(path) > 3 && path[0] == "inputs" && path[2] == "spec":
		for _, need := range t.node.Needs {
			if need.Attr == path[1] && len(need.On) == 1 {
				return need.On[0].Kind.Default(path[3:]...)
			}
		}
	}
	return cache.Value{}
}
