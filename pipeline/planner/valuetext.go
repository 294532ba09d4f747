package planner

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"ablate/cache"
)

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
