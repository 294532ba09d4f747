package planner

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"ablate/cache"
)

// changeText says in one line what differs.
func changeText(changes []Change) string {
	const most = 3
	var parts []string
	for _, g := range groupSiblings(changes) {
		parts = append(parts, g.String())
	}
	if len(parts) > most {
		parts = append(parts[:most], fmt.Sprintf("and %d more", len(parts)-most))
	}
	parts = append(parts, codeText(changes)...)
	if len(parts) == 0 {
		return "its stored description differs only in notes"
	}
	return strings.Join(parts, "; ")
}

// changeGroup is changes of one parent's fields that are alike.
type changeGroup struct {
	path, parent, was, now string // path: of the first
	names                  []string
	elements               int
}

// groupSiblings folds fields of one parent that changed alike:
// norm.alpha (attention, ffn, final) 0.5 → 0.4; likewise elements of a list:
// trials.*.factors.norm.1 DyT → Tanh (6 times).
func groupSiblings(changes []Change) []*changeGroup {
	var groups []*changeGroup
	for _, c := range changes {
		if c.Code {
			continue
		}
		path := anyElement(c.Path)
		parent, name := "", path
		if i := strings.LastIndexByte(path, '.'); i >= 0 {
			parent, name = path[:i+1], path[i+1:]
		}
		i := slices.IndexFunc(groups, func(g *changeGroup) bool {
			return parent != "" && g.parent == parent && g.was == c.Was && g.now == c.Now
		})
		switch {
		case i < 0:
			groups = append(groups, &changeGroup{c.Path, parent, c.Was, c.Now, []string{name}, 1})
		case slices.Contains(groups[i].names, name):
			groups[i].elements++
		default:
			groups[i].names = append(groups[i].names, name)
		}
	}
	return groups
}

func (g *changeGroup) String() string {
	path, times := g.path, ""
	if len(g.names) > 1 {
		path = strings.TrimSuffix(g.parent, ".") + " (" + strings.Join(g.names, ", ") + ")"
	}
	if g.elements > 1 {
		path, times = anyElement(path), fmt.Sprintf(" (%d times)", g.elements)
	}
	return fmt.Sprintf("%s %s → %s%s", path, g.was, g.now, times)
}

// anyElement replaces the index of a list's element in a path by a star.
func anyElement(path string) string {
	parts := strings.Split(path, ".")
	if len(parts) < 3 || strings.Trim(parts[1], "0123456789") != "" {
		return path
	}
	parts[1] = "*"
	return strings.Join(parts, ".")
}

// codeText says which fingerprints changed, and in which part.
func codeText(changes []Change) []string {
	var names []string
	part := ""
	for _, c := range changes {
		if c.Code {
			names = append(names, c.Path)
			part = c.Part
		}
	}
	if len(names) == 0 {
		return nil
	}
	noun := "fingerprint"
	if len(names) > 1 {
		noun = "fingerprints"
	}
	line := fmt.Sprintf("the %s of %s changed", noun, strings.Join(names, " and "))
	if part != "" {
		line += fmt.Sprintf(", in the part %q", part)
	}
	return []string{line}
}

// absent stands for a value that is missing.
const absent = "(absent)"

// texts renders two different values as a study writes them, so that the texts differ,
// too.
func texts(was, now cache.Value) (string, string) {
	a, b := whole(was), whole(now)
	if a == b { // 1 and "1"
		a, b = quoted(was), quoted(now)
	}
	if shortA, shortB := cut(a), cut(b); shortA != shortB {
		return shortA, shortB
	}
	return cutFrom(a, b), cutFrom(b, a)
}

// text renders a value as a study writes it; long values are cut.
func text(v cache.Value) string { return cut(whole(v)) }

// whole renders a value as a study writes it, on one line.
func whole(v cache.Value) string {
	if v.IsZero() {
		return absent
	}
	s, plain := v.Text()
	if !plain {
		s = written(v)
	}
	if s == "" || strings.ContainsFunc(s, unicode.IsControl) {
		return strconv.Quote(s)
	}
	return s
}

// quoted is whole for a value that could be taken for one of another type.
func quoted(v cache.Value) string {
	if isLevel(v) {
		kind, _ := v.At("kind").Text()
		level, _ := v.At("level").Text()
		if kind == "string" {
			return strconv.Quote(level)
		}
	}
	return written(v)
}

// mostShown is how many characters of a value are shown.
const mostShown = 60

// cut shortens a long text to its beginning.
func cut(s string) string {
	const digestShown = len("sha256:") + 12
	if strings.HasPrefix(s, "sha256:") && len(s) > digestShown {
		return s[:digestShown] + "…"
	}
	if r := []rune(s); len(r) > mostShown {
		return string(r[:mostShown]) + "…"
	}
	return s
}

// cutFrom shortens a long text to what begins shortly before its first difference from
// another text.
func cutFrom(s, other string) string {
	const before = 20
	r, o := []rune(s), []rune(other)
	same := 0
	for same < min(len(r), len(o)) && r[same] == o[same] {
		same++
	}
	return "…" + cut(string(r[max(0, same-before):]))
}

// written renders a value as an expression.
func written(v cache.Value) string {
	if s, ok := v.Text(); ok {
		return strconv.Quote(s)
	}
	if isLevel(v) {
		s, _ := v.At("level").Text()
		return s
	}
	if v.IsList() {
		list := v.Elements()
		if hasFields(list) && !slices.ContainsFunc(list, isLevel) {
			return elements(len(list))
		}
		parts := make([]string, len(list))
		for i, e := range list {
			parts[i] = written(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	if names := v.Keys(); len(names) > 0 {
		parts := make([]string, len(names))
		for i, name := range names {
			parts[i] = name + " = " + written(v.At(name))
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	raw, err := json.Marshal(v)
	if err != nil {
		panic("planner: a value does not marshal: " + err.Error())
	}
	return strings.TrimSuffix(string(raw), ".0") // a study writes 2, not 2.0
}

// isLevel reports whether a value is a number, string, bool or address that a map of
// parameters holds.
func isLevel(v cache.Value) bool { return slices.Equal(v.Keys(), []string{"kind", "level"}) }
