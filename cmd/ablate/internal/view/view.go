// Package view renders what commands report: events, diagnostics, plans and
// progress, as text or as one JSON object a line. Results go to stdout, everything
// else to stderr. It decides nothing, and it knows no kind of stage.
package view

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// Options says where to write, and how.
type Options struct {
	Stdout, Stderr io.Writer
	JSON           bool
	Color          bool // on stderr
	ColorResults   bool // with Color, also on stdout
	Columns, Rows  int  // of both streams; 0 columns mean the size of the terminal that a stream is, if it is one
	Dumb           bool // a terminal does not move its cursor
}

// View renders one invocation. It is safe for concurrent use.
type View struct {
	opts    Options
	sources map[string]func() []string // the lines of files, by name

	mu    sync.Mutex // guards the streams and what follows
	begun bool       // the version line was written
	lost  error      // the first failure to write a result
}

// New returns a view.
func New(o Options) *View { return &View{opts: o, sources: make(map[string]func() []string)} }

// ColorWanted follows NO_COLOR, TERM and whether the stream is a terminal.
func ColorWanted(environ []string, w io.Writer) bool {
	for _, kv := range environ {
		if name, value, _ := strings.Cut(kv, "="); name == "NO_COLOR" && value != "" {
			return false
		}
	}
	return IsTerminal(w) && !DumbTerminal(environ)
}

// DumbTerminal reports whether the terminal obeys no control sequences, as in an editor.
func DumbTerminal(environ []string) bool { return slices.Contains(environ, "TERM=dumb") }

// IsTerminal reports whether a stream is a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Sources gives diagnostics the files that they quote from. A file is split into lines
// once, because it may have tens of thousands of mistakes.
func (v *View) Sources(files map[string][]byte) {
	for name, text := range files {
		v.sources[name] = sync.OnceValue(func() []string { return strings.Split(string(text), "\n") })
	}
}

// Text prints a result for people. With --json it prints nothing.
func (v *View) Text(s string) {
	v.Document(fit(s, v.columns(v.opts.Stdout)))
}

// Document prints a result, whatever the width of the terminal. What a terminal would obey
// is replaced, and kept where the result goes elsewhere.
func (v *View) Document(s string) {
	if v.opts.ColorResults { // a terminal
		s = visible(s)
	} else {
		s = painted.ReplaceAllString(s, "")
	}
	v.write(s)
}

// write prints to stdout what may control a terminal.
func (v *View) write(s string) {
	if v.opts.JSON {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	_, err := io.WriteString(v.opts.Stdout, s)
	v.lost = cmp.Or(v.lost, err)
}

// Fitted prints a result that lays itself out for the width of the terminal; 0 is any.
func (v *View) Fitted(text func(width int) string) { v.Document(text(v.columns(v.opts.Stdout))) }

// Lost is the first failure to write a result, such as a full disk.
func (v *View) Lost() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.lost
}

// object prints an event as JSON, after the version of the format.
func (v *View) object(e Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.begun {
		v.begun = true
		v.lost = cmp.Or(v.lost, writeEvent(v.opts.Stdout, Version{SchemaVersion}))
	}
	v.lost = cmp.Or(v.lost, writeEvent(v.opts.Stdout, e))
}

// Note prints a remark on stderr, also with --json.
func (v *View) Note(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	io.WriteString(v.opts.Stderr, fit(visible(fmt.Sprintf(format, args...)), v.columns(v.opts.Stderr))+"\n")
}

// Error prints a failure of the machine.
func (v *View) Error(err error) {
	if v.opts.JSON {
		v.object(Diagnostic{Severity: "error", Summary: "Error", Detail: err.Error()})
		return
	}
	v.Note("%s %s", v.paint(red, "Error:"), err)
}

// Colours that differ in brightness too; symbols carry the meaning.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "36"
	bold   = "1"
	dim    = "2"
)

// painted matches what paint adds.
var painted = regexp.MustCompile("\x1b\\[[0-9]*m")

// ours matches the colours that paint sets, and their end.
var ours = regexp.MustCompile("\x1b\\[(31|32|33|36|1|2|0)m")

// visible replaces what a terminal would obey: control characters and broken UTF-8. Text
// that a server, a study or a program chose must not move the cursor, retitle the window
// or answer in the user's name. Line breaks, tabs and our own colours stay.
func visible(s string) string {
	control := func(r rune) bool { return r != '\n' && r != '\t' && unicode.IsControl(r) }
	if utf8.ValidString(s) && !strings.ContainsFunc(s, control) {
		return s
	}
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	clean := func(text string) string {
		return strings.ToValidUTF8(strings.Map(func(r rune) rune {
			if control(r) {
				return printable(r)
			}
			return r
		}, text), string(unicode.ReplacementChar))
	}
	var b strings.Builder
	from := 0
	for _, at := range ours.FindAllStringIndex(s, -1) {
		b.WriteString(clean(s[from:at[0]]) + s[at[0]:at[1]])
		from = at[1]
	}
	b.WriteString(clean(s[from:]))
	return b.String()
}

func (v *View) paint(code, s string) string {
	if !v.opts.Color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
