package data

import (
	"bytes"
	"unicode/utf8"
)

// utf8Text is strings.ToValidUTF8 with U+FFFD for a text that comes in pieces.
type utf8Text struct {
	valid  []byte
	broken []byte // the beginning of a rune, whose rest may be in the next piece
	wrong  bool   // the text so far ends in invalid bytes that already have their U+FFFD
}

var replacement = []byte("\uFFFD")

// add appends a piece to the valid text.
func (t *utf8Text) add(piece []byte, last bool) {
	if len(t.broken) > 0 {
		piece = append(t.broken, piece...)
		t.broken = nil
	}
	if !last {
		whole := len(piece) - unfinished(piece)
		t.broken = append(t.broken, piece[whole:]...)
		piece = piece[:whole]
	}
	for t.wrong && len(piece) > 0 && wrongStart(piece) {
		piece = piece[1:]
	}
	if len(piece) > 0 {
		r, n := utf8.DecodeLastRune(piece)
		t.wrong = r == utf8.RuneError && n == 1
	}
	if utf8.Valid(piece) {
		t.valid = append(t.valid, piece...)
	} else {
		t.valid = append(t.valid, bytes.ToValidUTF8(piece, replacement)...)
	}
	t.wrong = t.wrong && !last
}

func wrongStart(text []byte) bool {
	r, n := utf8.DecodeRune(text)
	return r == utf8.RuneError && n == 1
}

// unfinished is the length of the rune that ends after the text, 0 for none.
func unfinished(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if at := len(text) - n; utf8.RuneStart(text[at]) {
			if utf8.FullRune(text[at:]) {
				return 0
			}
			return n
		}
	}
	return 0
}
