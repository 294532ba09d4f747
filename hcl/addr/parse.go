package addr

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Parse parses an address as Instance.String writes it: block.type.name, followed
// by a quoted key in brackets if it has one.
func Parse(s string) (Instance, error) {
	head, key, keyed := strings.Cut(s, "[")
	parts := strings.Split(head, ".")
	if len(parts) != 3 || slices.Contains(parts, "") {
		return Instance{}, fmt.Errorf("%q is not an address: use the form block.type.name, for example train.lm.main", s)
	}
	in := Instance{Stage: Stage{Block: parts[0], Type: parts[1], Name: parts[2]}}
	if !keyed {
		return in, nil
	}
	quoted, ok := strings.CutSuffix(key, "]")
	if !ok {
		return Instance{}, fmt.Errorf("%q has no closing bracket", s)
	}
	unquoted, err := strconv.Unquote(quoted)
	if err != nil { // a shell may have removed the quotes
		unquoted = quoted
	}
	if unquoted == "" {
		return Instance{}, fmt.Errorf("%q has an empty key", s)
	}
	in.Key = unquoted
	return in, nil
}

// ParseKey splits the key of a matrix cell into factor names and level texts.
// ok is false for a for_each key.
func ParseKey(key string) (names, levels []string, ok bool) {
	for len(key) > 0 {
		name, rest, found := strings.Cut(key, "=")
		if !found {
			return nil, nil, false
		}
		level := rest
		if strings.HasPrefix(rest, `"`) {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, nil, false
			}
			level, rest = quoted, rest[len(quoted):]
			rest = strings.TrimPrefix(rest, ",")
		} else {
			level, rest, _ = strings.Cut(rest, ",")
		}
		names, levels = append(names, name), append(levels, level)
		key = rest
	}
	return names, levels, len(names) > 0
}

// QuoteLevel quotes a string level unless it is a plain word, so that keys are
// unambiguous.
func QuoteLevel(s string) string {
	if s == "" || strings.ContainsAny(s, ",=\"[]\\") || strconv.Quote(s) != `"`+s+`"` {
		return strconv.Quote(s)
	}
	return s
}

// Compare orders stages by block, type and name.
func (s Stage) Compare(t Stage) int {
	return cmp.Or(strings.Compare(s.Block, t.Block), strings.Compare(s.Type, t.Type), strings.Compare(s.Name, t.Name))
}

// Matches reports whether the address has the form of a pattern: block.type.name or the
// first words of it, in which * matches any text.
func (s Stage) Matches(pattern string) bool {
	own, words := []string{s.Block, s.Type, s.Name}, strings.Split(pattern, ".")
	if len(words) > len(own) {
		return false
	}
	for i, word := range words {
		if !Glob(word, own[i]) {
			return false
		}
	}
	return true
}

// Glob reports whether s matches a pattern in which * matches any text. It takes
// the first match of each part between stars, which suffices: a later match leaves
// less text for the parts that follow.
func Glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}
