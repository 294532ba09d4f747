package data

import (
	"bytes"
	"cmp"
	"slices"
)

// pattern is a text that documents look for.
type pattern struct {
	text  []byte
	kind  patternKind
	token uint32 // of a special token
}

// patternKind says what a match means.
type patternKind int

const (
	separates patternKind = iota // a document ends here
	special                      // the text is one token
	ordinary                     // the text would be one token, but is encoded as text
)

// matcher finds the leftmost of its patterns in a text, and of several that begin
// there the longest, as the tokenizers of Hugging Face and OpenAI do.
type matcher struct {
	byFirst [256][]pattern // longest first
}

func newMatcher(patterns []pattern) *matcher {
	m := &matcher{}
	seen := make(map[string]bool)
	for _, p := range patterns {
		if len(p.text) > 0 && !seen[string(p.text)] { // the first of equal texts counts
			seen[string(p.text)] = true
			m.byFirst[p.text[0]] = append(m.byFirst[p.text[0]], p)
		}
	}
	for _, list := range m.byFirst {
		slices.SortStableFunc(list, func(a, b pattern) int { return cmp.Compare(len(b.text), len(a.text)) })
	}
	return m
}

// next returns where the first match begins. Without one, p is nil and at is how
// much of the text is certainly not part of a match, whatever follows it: all of
// it when this is the last of the text.
func (m *matcher) next(text []byte, last bool) (at int, p *pattern) {
	for i, c := range text {
		for j := range m.byFirst[c] {
			p := &m.byFirst[c][j]
			if bytes.HasPrefix(text[i:], p.text) {
				return i, p
			}
			if !last && bytes.HasPrefix(p.text, text[i:]) {
				return i, nil
			}
		}
	}
	return len(text), nil
}
