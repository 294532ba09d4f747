package cli

import (
	"cmp"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"ablate/cache/fsys"
)

// lastLine is the last line of a log that shows anything; "" where there is none. Of a
// progress bar, it is what follows the last carriage return.
func lastLine(path string) string {
	const tail = 64 << 10
	f, err := fsys.OpenRegular(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > tail {
		f.Seek(-tail, io.SeekEnd) // if it fails, more is read
	}
	raw, err := io.ReadAll(io.LimitReader(f, 2*tail))
	if err != nil {
		return ""
	}
	return lastShown(string(raw))
}

// lastShown is the last line of a text with a letter or a digit, since a closing brace
// says nothing, or else the last that shows anything; "" where none does.
func lastShown(text string) (last string) {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	for _, line := range slices.Backward(lines) {
		shown := shownText(line)
		if strings.ContainsFunc(shown, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			return shown
		}
		last = cmp.Or(last, shown)
	}
	return last
}

// escape matches what moves a terminal's cursor or sets its colours.
var escape = regexp.MustCompile("\x1b\\[[0-?]*[ -/]*[@-~]|\x1b.")

// shownText is what a terminal would show of a line.
func shownText(line string) string {
	const most = 200
	line = strings.ToValidUTF8(escape.ReplaceAllString(line, ""), "\uFFFD")
	line = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, line))
	if r := []rune(line); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return line
}
