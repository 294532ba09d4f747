// Package view draws: diagnostics, plans, progress and tables, for people or as
// one JSON object a line. Results go to stdout, everything else to stderr. It
// decides nothing.
package view

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/term"
)

// Options says where to draw and how.
type Options struct {
	Stdout, Stderr io.Writer
	JSON           bool
	Color          bool // of what goes to stderr
	ColorResults   bool // where Color, also of what goes to stdout
}

// View draws one invocation. It is safe for several goroutines.
type View struct {
	opts    Options
	sources map[string][]byte

	mu    sync.Mutex // guards the streams and what follows
	begun bool       // the version line is out
	lost  error      // why a result could not be written, the first time
}

// New returns a view.
func New(o Options) *View { return &View{opts: o, sources: make(map[string][]byte)} }

// ColorWanted follows NO_COLOR, TERM and whether anybody looks at a terminal.
func ColorWanted(environ []string, w io.Writer) bool {
	for _, kv := range environ {
		if name, value, _ := strings.Cut(kv, "="); name == "NO_COLOR" && value != "" || kv == "TERM=dumb" {
			return false
		}
	}
	return IsTerminal(w)
}

// IsTerminal reports whether a stream is one.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// width is how many columns a line on stderr may have without wrapping.
func (v *View) width() int {
	const narrow = 80
	if f, ok := v.opts.Stderr.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return narrow
}

// JSON reports whether the view prints JSON.
func (v *View) JSON() bool { return v.opts.JSON }

// Sources gives diagnostics the files to quote from.
func (v *View) Sources(files map[string][]byte) { maps.Copy(v.sources, files) }

// Text prints a result for people; in JSON mode nothing.
func (v *View) Text(s string) {
	if v.opts.JSON {
		return
	}
	if !v.opts.ColorResults {
		s = painted.ReplaceAllString(s, "")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	_, err := io.WriteString(v.opts.Stdout, s)
	v.lost = cmp.Or(v.lost, err)
}

// Lost is why a result could not be written, as on a disk that is full; nil
// when all were.
func (v *View) Lost() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.lost
}

// Object prints a result for programs; in text mode nothing. The first object
// of an invocation is preceded by the version of the format.
func (v *View) Object(o any) {
	if !v.opts.JSON {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	enc := json.NewEncoder(v.opts.Stdout)
	enc.SetEscapeHTML(false)
	if !v.begun {
		v.begun = true
		v.lost = cmp.Or(v.lost, enc.Encode(struct {
			Type string `json:"type"`
			UI   string `json:"ui"`
		}{"version", "1.0"}))
	}
	v.lost = cmp.Or(v.lost, enc.Encode(o))
}

// Note prints a remark for people on stderr.
func (v *View) Note(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	fmt.Fprintf(v.opts.Stderr, format+"\n", args...)
}

// Error prints a failure of the machine.
func (v *View) Error(err error) {
	v.Object(diagnosticLine{Type: "diagnostic", Severity: "error", Summary: "Error", Detail: err.Error()})
	if !v.opts.JSON {
		v.Note("%s %s", v.paint(red, "Error:"), err)
	}
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

// painted is what paint adds.
var painted = regexp.MustCompile("\x1b\\[[0-9]*m")

func (v *View) paint(code, s string) string {
	if !v.opts.Color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
