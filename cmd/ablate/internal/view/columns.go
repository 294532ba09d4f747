package view

import (
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
	"golang.org/x/text/width"
)

// columns is the width of the terminal behind a stream; 0 if there is none, and lines
// have any length.
func (v *View) columns(w io.Writer) int {
	if v.opts.Columns > 0 {
		return v.opts.Columns
	}
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil {
			return n
		}
	}
	return 0
}

// cells is the number of columns that a text takes on a terminal. Wide characters take
// two, combining ones and colours none.
func cells(s string) int {
	n, joined := 0, false
	for _, r := range painted.ReplaceAllString(s, "") {
		if !joined {
			n += cellsOf(r)
		}
		joined = r == '\u200d' // joins the next character to this one
	}
	return n
}

func cellsOf(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case width.LookupRune(r).Kind() == width.EastAsianWide, width.LookupRune(r).Kind() == width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// padded fills a text with spaces, at its left if right is set.
func padded(s string, width int, right bool) string {
	gap := strings.Repeat(" ", max(0, width-cells(s)))
	if right {
		return gap + s
	}
	return s + gap
}

// shorten cuts a text in its middle: the ends of names are what tells them apart.
func shorten(s string, width int) string {
	if cells(s) <= width || width < 3 {
		return s
	}
	runes := []rune(s)
	room := width - 1 // of the ellipsis
	tail := len(runes)
	for at := 0; tail > 0 && at+cellsOf(runes[tail-1]) <= room-room/3; tail-- {
		at += cellsOf(runes[tail-1])
	}
	head := 0
	for at := 0; head < tail && at+cellsOf(runes[head]) <= room/3; head++ {
		at += cellsOf(runes[head])
	}
	return string(runes[:head]) + "…" + string(runes[tail:])
}

// fit breaks or shortens the lines of a text that are wider than a terminal. Addresses
// are shortened; other text wraps, indented below its line. Commands stay whole, so that
// they can be copied, and quoted lines of files are short already.
func fit(text string, width int) string {
	if width == 0 {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		command := strings.HasPrefix(strings.TrimSpace(l), "ablate ") || strings.Contains(l, ": ablate ")
		if cells(l) > width && !command && !strings.Contains(l, " │") {
			lines[i] = fitLine(l, width)
		}
	}
	return strings.Join(lines, "\n")
}

// leastAddress is the width below which an address says nothing any more.
const leastAddress = 24

func fitLine(l string, width int) string {
	indent := l[:len(l)-len(strings.TrimLeft(l, " "))]
	words := strings.Split(strings.TrimLeft(l, " "), " ")
	over := cells(l) - width
	for i, w := range words {
		if over > 0 && isAddress(w) {
			short := shorten(w, max(leastAddress, cells(w)-over))
			over -= cells(w) - cells(short)
			words[i] = short
		}
	}
	const further = "    "
	var b strings.Builder
	b.WriteString(indent)
	at := len(indent)
	for i, w := range words {
		n := cells(w)
		switch {
		case i == 0:
		case at+1+n > width && at > len(indent)+len(further) && w != "":
			b.WriteString("\n" + indent + further)
			at = len(indent) + len(further)
		default:
			b.WriteByte(' ')
			at++
		}
		if room := width - len(indent) - len(further); n > room && room > leastAddress {
			w = shorten(w, room)
			n = cells(w)
		}
		b.WriteString(w)
		at += n
	}
	return b.String()
}

// isAddress reports whether a word names an instance with levels.
func isAddress(word string) bool { return strings.Contains(word, `["`) }
