package design

import (
	"cmp"
	"slices"
	"strings"

	"ablate/hcl/addr"
)

// Match returns the indexes of the levels that a reference means: the level
// itself, else the one of that text or address, else those of that label, else
// those of the same number, else those of that stage. Labels count as declared
// and as shown in tables. More than one means that the reference is ambiguous.
func Match(levels []Level, want addr.Level) []int {
	shown := Labels(levels)
	if i := slices.Index(shown, want.Text); want.Kind != "ref" && i >= 0 && !slices.ContainsFunc(levels, func(l Level) bool { return textOf(l.ID, want.Text) }) {
		return []int{i}
	}
	for _, same := range []func(Level) bool{
		func(l Level) bool { return l.ID == want },
		func(l Level) bool { return want.Kind != "ref" && textOf(l.ID, want.Text) },
		func(l Level) bool { return want.Kind == "ref" && l.ID.Kind != "ref" && textOf(want, l.ID.Text) },
		func(l Level) bool { return want.Kind != "ref" && l.Label == want.Text },
		func(l Level) bool { return sameNumber(l.ID, want) },
		func(l Level) bool { return want.Kind == "string" && among(l.ID, want.Text) },
		func(l Level) bool { return want.Kind == "string" && strings.EqualFold(l.Label, want.Text) },
	} {
		var found []int
		for i, l := range levels {
			if same(l) {
				found = append(found, i)
			}
		}
		if found != nil {
			return found
		}
	}
	return nil
}

// Same reports whether two references mean the same level. A level of a table
// of results is a text even where the study writes a number.
func Same(a, b addr.Level) bool {
	return a == b || a.Kind != "ref" && b.Kind != "ref" && (a.Text == b.Text || sameNumber(a, b))
}

// textOf reports whether a level is written as a text.
func textOf(l addr.Level, text string) bool {
	if l.Kind != "ref" {
		return l.Text == text
	}
	if l.String() == text || l.Ref.Stage.Block+"."+l.String() == text || l.Ref.Key != "" && l.Ref.Stage.Name+":"+l.Ref.Key == text {
		return true
	}
	a, err := addr.Parse(text) // with or without quotes around the key
	return err == nil && a == l.Ref
}

// among reports whether a text means several levels, one of which this is: it is the name
// or the type of their stage, or has a star for any text.
func among(l addr.Level, text string) bool {
	if strings.Contains(text, "*") && addr.Glob(text, l.Plain()) {
		return true
	}
	return l.Kind == "ref" && (l.Ref.Stage.Name == text || l.Ref.Stage.Type == text || addr.Glob(text, l.Ref.String()))
}

// Several returns the levels that a text means together, as derf.* does.
func Several(levels []Level, text string) (found []int) {
	for i, l := range levels {
		if among(l.ID, text) {
			found = append(found, i)
		}
	}
	return found
}

// sameNumber reports whether two scalars are the same number, exactly.
func sameNumber(a, b addr.Level) bool {
	return a.Kind != "ref" && b.Kind != "ref" && addr.SameNumber(a.Text, b.Text)
}

// Labels returns a label for each level, no two of which are equal. Levels with
// the same label get a suffix: the part of their address that differs. An empty
// text has a label that can be seen.
func Labels(levels []Level) []string {
	out := make([]string, len(levels))
	byLabel := make(map[string][]int)
	for i, l := range levels {
		out[i] = cmp.Or(l.Label, "(empty)")
		byLabel[out[i]] = append(byLabel[out[i]], i)
	}
	for _, same := range byLabel {
		if len(same) > 1 {
			addSuffixes(out, levels, same)
		}
	}
	return out
}

// addSuffixes tells levels of one label apart by the shortest of a few texts
// that differs between all of them.
func addSuffixes(labels []string, levels []Level, same []int) {
	for _, text := range []func(addr.Level) string{
		func(l addr.Level) string { return l.Ref.Key },
		func(l addr.Level) string { return l.Ref.Stage.Name },
		func(l addr.Level) string { return l.Ref.Stage.Type },
		addr.Level.String,
		func(l addr.Level) string { return l.Kind + " " + l.String() },
	} {
		seen := make(map[string]bool)
		for _, i := range same {
			seen[text(levels[i].ID)] = true
		}
		if len(seen) < len(same) || seen[""] {
			continue
		}
		for _, i := range same {
			labels[i] += " (" + text(levels[i].ID) + ")"
		}
		return
	}
}
