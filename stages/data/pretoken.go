package data

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// A splitter returns the length of the first word of a text that is not empty.
// Byte-pair encoders never merge across words. The two splitters are the regular
// expressions of GPT-2 and of cl100k (which Llama 3 shares), written by hand: a
// backtracking engine takes nine tenths of the time of encoding.
//
// Where a word ends may depend on the text behind it, but on no more than the next
// word: the rest of a run of whitespace, or the second letter of a contraction. So
// in the beginning of a text, all words but the last two are words of the text.
type splitter func(text []byte) int

// class is a class of runes that the expressions distinguish.
type class byte

const (
	other class = iota
	space
	letter
	number
)

// asciiClass is slowClass for single bytes.
var asciiClass = func() (t [utf8.RuneSelf]class) {
	for r := range t {
		t[r] = slowClass(rune(r))
	}
	return t
}()

func slowClass(r rune) class {
	switch {
	case unicode.IsSpace(r):
		return space
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	}
	return other
}

// first returns the class and the length of a text's first rune.
func first(text []byte) (class, int) {
	if c := text[0]; c < utf8.RuneSelf {
		return asciiClass[c], 1
	}
	r, n := utf8.DecodeRune(text)
	return slowClass(r), n
}

// run is the length of the runes of one class at the start of a text.
func run(text []byte, c class) int {
	n := 0
	for n < len(text) {
		got, width := first(text[n:])
		if got != c {
			break
		}
		n += width
	}
	return n
}

// contraction is the length of 's, 't, 're, 've, 'm, 'll or 'd at the start of a
// text, or 0.
func contraction(text []byte, fold bool) int {
	if text[0] != '\'' {
		return 0
	}
	head := text[1:min(len(text), 3)]
	if fold {
		if bytes.HasPrefix(head, []byte("ſ")) { // in regular expressions, another case of s
			return 1 + len("ſ")
		}
		head = bytes.ToLower(head)
	}
	for _, s := range []string{"s", "t", "m", "d", "re", "ve", "ll"} {
		if bytes.HasPrefix(head, []byte(s)) {
			return 1 + len(s)
		}
	}
	return 0
}

// spaces is the length of the word that a run of whitespace begins with: all of it
// at the end of the text, else all but its last rune, which may belong to the next
// word.
func spaces(text []byte) int {
	n := run(text, space)
	if n == len(text) {
		return n
	}
	_, last := utf8.DecodeLastRune(text[:n])
	if n > last {
		return n - last
	}
	return n
}

// splitGPT2 is 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func splitGPT2(text []byte) int {
	if n := contraction(text, false); n > 0 {
		return n
	}
	lead := 0
	if text[0] == ' ' && len(text) > 1 {
		lead = 1
	}
	if c, _ := first(text[lead:]); c != space {
		return lead + run(text[lead:], c)
	}
	return spaces(text)
}

// splitCL100K is (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
// ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
func splitCL100K(text []byte) int {
	if n := contraction(text, true); n > 0 {
		return n
	}
	c, width := first(text)
	switch {
	case c == letter:
		return run(text, letter)
	case c == number:
		return digits(text)
	case text[0] != '\r' && text[0] != '\n' && width < len(text):
		if n := run(text[width:], letter); n > 0 {
			return width + n
		}
	}
	lead := 0
	if text[0] == ' ' {
		lead = 1
	}
	if n := run(text[lead:], other); n > 0 {
		n += lead
		for n < len(text) && (text[n] == '\r' || text[n] == '\n') {
			n++
		}
		return n
	}
	if breaks := bytes.LastIndexAny(text[:run(text, space)], "\r\n"); breaks >= 0 {
		return breaks + 1
	}
	return spaces(text)
}

// digits is the length of up to three digits.
func digits(text []byte) int {
	n := 0
	for range 3 {
		if n == len(text) {
			break
		}
		c, width := first(text[n:])
		if c != number {
			break
		}
		n += width
	}
	return n
}
