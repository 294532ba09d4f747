package view

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"ablate/stages/answer/textwidth"
)

// columns is the width of the terminal behind a stream; 0 if there is none, and lines
// have any length.
func (v *View) columns(w io.Writer) int {
	columns, _ := v.opts.size(w)
	return columns
}

// size is the width and the height of the terminal behind a stream; 0 for what is not known.
func (o Options) size(w io.Writer) (columns, rows int) {
	if o.Columns > 0 {
		return o.Columns, o.Rows
	}
	if f, ok := w.(*os.File); ok {
		columns, rows, _ = term.GetSize(int(f.Fd())) // 0 is not known
	}
	return columns, rows
}

// cells is the number of columns that a text takes on a terminal. Colours take none.
func cells(s string) int { return textwidth.Of(painted.ReplaceAllString(s, "")) }

// padded fills a text with spaces, at its left if right is set.
func padded(s string, width int, right bool) string {
	gap := strings.Repeat(" ", max(0, width-cells(s)))
	if right {
		return gap + s
	}
	return s + gap
}

// shorten cuts a text in its middle.
func shorten(s string, width int) string {
	if cells(s) <= width || width < 3 {
		return s
	}
	runes := []rune(s)
	room := width - 1 // of the ellipsis
	tail := len(runes)
	for at := 0; tail > 0 && at+textwidth.OfRune(runes[tail-1]) <= room-room/3; tail-- {
		at += textwidth.OfRune(runes[tail-1])
	}
	head := 0
	for at := 0; head < tail && at+textwidth.OfRune(runes[head]) <= room/3; head++ {
		at += textwidth.OfRune(runes[head])
	}
	return string(runes[:head]) + "…" + string(runes[tail:])
}

// fit breaks the lines of a text that are wider than a terminal, and indents the rest
// below its line. Nothing is left out: the middle of an address may be all that tells it from
// another one. What is to be copied stays whole, and quoted lines of files are short already.
func fit(text string, width int) string {
	if width == 0 {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if cells(l) > width && !toCopy.MatchString(l) && !strings.Contains(l, " │") {
			lines[i] = fitLine(l, width)
		}
	}
	return strings.Join(lines, "\n")
}

// toCopy matches a command of ablate, after one word at most, and an argument in quotes.
var toCopy = regexp.MustCompile(`^ *((\w+: |\w+  +)?ablate |')`)

// leastText is the width below which a text is not made narrower.
const leastText = 24

func fitLine(l string, width int) string {
	const further = "    "
	indent := l[:len(l)-len(strings.TrimLeft(l, " "))]
	lines := broken(strings.TrimLeft(l, " "), max(leastText, width-len(indent)), max(leastText, width-len(indent)-len(further)))
	return indent + strings.Join(lines, "\n"+indent+further)
}

// broken breaks a text at spaces, and words that are longer than a line where they have
// commas, into a line of one width and further lines of another. URLs and absolute paths stay whole.
func broken(text string, first, further int) []string {
	var lines []string
	line, at, room := "", 0, first
	end := func() {
		lines = append(lines, strings.TrimRight(line, " "))
		line, at, room = "", 0, further
	}
	for i, w := range strings.Split(text, " ") {
		n := cells(w)
		if i > 0 && (at+1+n <= room || n > further && room-at > leastText) {
			line, at = line+" ", at+1
		} else if i > 0 && w != "" {
			end()
		}
		for n > room-at && !copied(w) {
			head := headOf(w, room-at)
			line, w = line+head, w[len(head):]
			end()
			n = cells(w)
		}
		line, at = line+w, at+n
	}
	end()
	return lines
}

// copied reports whether a word is a URL or an absolute path, also in quotes, which a line break
// would spoil.
func copied(word string) bool {
	return strings.Contains(word, "://") || filepath.IsAbs(strings.TrimLeft(word, "\"'`“‘([{<"))
}

// headOf is the beginning of a word that fits a width, up to its last comma there.
func headOf(word string, width int) string {
	end, n := 0, 0
	for i, r := range word {
		if n += textwidth.OfRune(r); n > width && i > 0 {
			break
		}
		end = i + utf8.RuneLen(r)
	}
	if comma := strings.LastIndexByte(word[:end], ','); comma >= end/2 {
		return word[:comma+1]
	}
	return word[:end]
}
