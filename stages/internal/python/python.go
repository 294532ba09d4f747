// Package python splits the source of a Python program into tokens, so that a
// comment or a blank line does not count as a change. It does not parse, and it
// runs no Python.
//
// Two sources with the same tokens must mean the same to every version of Python.
// So the lexer may join what Python separates, but never separate what Python
// joins, and it refuses what versions of Python read differently.
package python

import (
	"crypto/sha256"
	"encoding/binary"
	"path"

	"ablate/cache"
)

// Kind is the kind of a token.
type Kind byte

// The kinds of tokens. Blank lines, comments that no program reads, spacing inside
// of lines and line breaks inside of brackets are no tokens.
const (
	Indent       Kind = 'i' // begins each logical line: its indentation, which may be empty
	Name         Kind = 'n'
	Number       Kind = 'd'
	String       Kind = 's' // with its prefix and quotes; f-strings whole
	Operator     Kind = 'o'
	Continuation Kind = '\\'
	Newline      Kind = 'l' // ends each logical line
	Comment      Kind = '#' // one that a program reads, such as a type comment
)

// Token is a part of a source, as it is spelled there.
type Token struct {
	Kind Kind
	Text string
}

// MaxSource is the largest source that is split, in bytes.
const MaxSource = 16 << 20

// IsSource reports whether a file is a Python program by its name.
func IsSource(name string) bool {
	ending := path.Ext(name)
	return ending == ".py" || ending == ".pyw"
}

// domain separates digests of tokens from those of files.
const domain = "ablate python tokens v1\n"

// Tokens returns the tokens of a source. ok is false where the lexer is not sure
// that it reads the source as Python does.
func Tokens(source []byte) (tokens []Token, ok bool) {
	if len(source) > MaxSource {
		return nil, false
	}
	l := &lexer{}
	if !l.begin(source) || !l.lines() {
		return nil, false
	}
	return l.tokens, true
}

// Digest is the digest of the tokens of a source.
func Digest(source []byte) (d cache.Digest, ok bool) {
	tokens, ok := Tokens(source)
	if !ok {
		return cache.Digest{}, false
	}
	h := sha256.New()
	h.Write([]byte(domain))
	var head []byte
	for _, t := range tokens {
		head = binary.AppendUvarint(append(head[:0], byte(t.Kind)), uint64(len(t.Text)))
		h.Write(head)
		h.Write([]byte(t.Text))
	}
	h.Sum(d[:0])
	return d, true
}
