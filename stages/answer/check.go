package answer

import (
	"bytes"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// The forms in which a paper names a number.
var (
	latexTyped = regexp.MustCompile(`\\ablatenum\{([^{}]*)\}\{((?:[^{}]|\{[^{}]*\})*)\}`)
	latexNamed = regexp.MustCompile(`\\ablate(?:\[\d+\])?\{([^{}#]*)\}`)
	latexKept  = regexp.MustCompile(`\\ablate@def\{(\d*)\}\{([^{}]*)\}\{([^{}]*)\}`)
	markdown   = regexp.MustCompile(`\[([^\[\]]*)\]\(#ablate:([^()]*)\)`)
)

// Mention is a number that a paper prints.
type Mention struct {
	Name, Text string // no text: the name alone
	Offset     int
}

// latexComment is what LaTeX does not see.
var latexComment = regexp.MustCompile(`(?m)^%.*$|[^\\]%.*$`)

// Mentions finds the numbers that a paper prints.
func Mentions(file string, raw []byte) (out []Mention) {
	if filepath.Ext(file) == ".tex" {
		raw = latexComment.ReplaceAllFunc(raw, func(c []byte) []byte { return bytes.Repeat([]byte(" "), len(c)) })
	}
	for _, m := range latexTyped.FindAllSubmatchIndex(raw, -1) {
		out = append(out, Mention{string(raw[m[2]:m[3]]), string(raw[m[4]:m[5]]), m[0]})
	}
	for _, m := range latexNamed.FindAllSubmatchIndex(raw, -1) {
		out = append(out, Mention{string(raw[m[2]:m[3]]), "", m[0]})
	}
	for _, m := range latexKept.FindAllSubmatchIndex(raw, -1) {
		out = append(out, Mention{string(raw[m[4]:m[5]]), string(raw[m[6]:m[7]]), m[0]})
	}
	for _, m := range markdown.FindAllSubmatchIndex(raw, -1) {
		out = append(out, Mention{string(raw[m[4]:m[5]]), string(raw[m[2]:m[3]]), m[0]})
	}
	return out
}

// decoration is what papers put around a number.
var decoration = strings.NewReplacer("$", "", "\\,", "", "{,}", "", "{", "", "}", "", "−", "-", "\u2009", "", "~", "", "\\ensuremath", "", "*", "")

// Agrees reports whether a printed text is the value, rounded as printed. A
// text with a percent sign is a share times a hundred.
func Agrees(text string, value float64) (now string, ok bool) {
	t := strings.TrimSpace(decoration.Replace(text))
	if p := strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(t, "%"), "\\")); p != t {
		t, value = p, 100*value
	}
	t = strings.TrimPrefix(t, "+")
	printed, err := strconv.ParseFloat(t, 64)
	if err != nil || math.IsNaN(printed) {
		return fixed(value, decimals("", value, nil)), false
	}
	if strings.ContainsAny(t, "eE") {
		mantissa, _, _ := strings.Cut(strings.ToLower(t), "e")
		_, digits, _ := strings.Cut(mantissa, ".")
		now = strconv.FormatFloat(value, 'e', len(digits), 64)
		rounded, _ := strconv.ParseFloat(now, 64)
		return now, rounded == printed
	}
	_, digits, _ := strings.Cut(t, ".")
	now = fixed(value, len(digits))
	rounded, _ := strconv.ParseFloat(now, 64)
	return now, rounded == printed
}
