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

// Pattern selects instances: "train.lm.main", "train.*", an address with a
// key, or levels such as "norm=derf.*,seed=42".
type Pattern struct {
	stage  []string          // patterns for block, type and name, or for the first of them
	key    string            // exact key; empty for any
	levels map[string]string // patterns for levels, by factor
}

// ParsePattern parses a pattern.
func ParsePattern(s string) (Pattern, error) {
	if s == "" {
		return Pattern{}, fmt.Errorf("the pattern is empty: use an address, or levels such as norm=derf.*,seed=42")
	}
	if strings.Contains(s, "[") {
		in, err := Parse(s)
		if err != nil {
			return Pattern{}, err
		}
		return Pattern{stage: []string{in.Stage.Block, in.Stage.Type, in.Stage.Name}, key: in.Key}, nil
	}
	if strings.Contains(s, "=") {
		names, levels, ok := ParseKey(s)
		if !ok {
			return Pattern{}, fmt.Errorf("%q is not a pattern: use the form factor=level, with commas between", s)
		}
		p := Pattern{levels: make(map[string]string, len(names))}
		for i, name := range names {
			p.levels[name] = levels[i]
		}
		return p, nil
	}
	words := strings.Split(s, ".")
	if len(words) > 3 || slices.Contains(words, "") {
		return Pattern{}, fmt.Errorf("%q is not a pattern: use the form block.type.name, where * matches any text", s)
	}
	return Pattern{stage: words}, nil
}

// Match reports whether the pattern selects the instance.
func (p Pattern) Match(in Instance) bool {
	words := []string{in.Stage.Block, in.Stage.Type, in.Stage.Name}
	for i, w := range p.stage {
		if !Glob(w, words[i]) {
			return false
		}
	}
	if p.key != "" && p.key != in.Key {
		return false
	}
	if p.levels == nil {
		return true
	}
	names, levels, _ := ParseKey(in.Key)
	matched := 0
	for i, name := range names {
		want, asked := p.levels[name]
		if asked && !Glob(want, levels[i]) {
			return false
		}
		if asked {
			matched++
		}
	}
	return matched == len(p.levels)
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
