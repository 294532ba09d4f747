// Package textwidth measures texts on a terminal.
package textwidth

import (
	"unicode"

	"golang.org/x/text/width"
)

// Of is the number of columns that a text takes. Wide characters take two, combining ones
// none.
func Of(s string) int {
	n, joined := 0, false
	for _, r := range s {
		if !joined {
			n += OfRune(r)
		}
		joined = r == '\u200d' // joins the next character to this one
	}
	return n
}

// OfRune is the number of columns that a character takes by itself.
func OfRune(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case width.LookupRune(r).Kind() == width.EastAsianWide, width.LookupRune(r).Kind() == width.EastAsianFullwidth:
		return 2
	}
	return 1
}
