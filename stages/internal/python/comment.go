package python

import (
	"regexp"
	"strings"
)

// read finds comments that programs read: types that TorchScript takes, directives
// of Cython, options of Slurm.
var read = regexp.MustCompile(`^#\s*(type:|cython:|distutils:|SBATCH\b)`)

// metadata begins a block of inline metadata, from which uv and pipx install
// packages. The block is made of the comments that follow at the start of lines.
const metadata = "# ///"

// comment reads a comment without the end of its line. start tells that it is at
// the start of the line.
func (l *lexer) comment(start bool) {
	from := l.pos
	if i := strings.IndexByte(l.src[from:], '\n'); i >= 0 {
		l.pos += i
	} else {
		l.pos = len(l.src)
	}
	text := strings.TrimRight(l.src[from:l.pos], " \t")
	l.block = start && (l.block || strings.HasPrefix(text, metadata))
	if l.block || read.MatchString(text) {
		l.tokens = append(l.tokens, Token{Comment, text})
	}
	if l.pos < len(l.src) && start {
		l.pos++
	}
}
