package python

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// lexer reads one source. Its methods return false where it is not sure.
type lexer struct {
	src    string
	pos    int
	tokens []Token
	open   []byte // closing brackets that are still to come
	block  bool   // the last line belongs to a block of inline metadata
}

func (l *lexer) emit(k Kind, from int) { l.tokens = append(l.tokens, Token{k, l.src[from:l.pos]}) }

// peek returns the byte at an offset from the position, 0 past the end.
func (l *lexer) peek(ahead int) byte {
	if i := l.pos + ahead; i < len(l.src) {
		return l.src[i]
	}
	return 0
}

const byteOrderMark = "\ufeff"

// coding finds the encoding that one of the first two lines declares.
var coding = regexp.MustCompile(`^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)`)

// begin takes a source in UTF-8. Python reads \r\n as \n, also inside of strings.
// The first line counts if it names an interpreter: the system reads it.
func (l *lexer) begin(source []byte) bool {
	if bytes.HasPrefix(source, []byte("#!")) {
		first, _, _ := bytes.Cut(source, []byte("\n"))
		l.tokens = append(l.tokens, Token{Comment, string(first)})
	}
	text := strings.ReplaceAll(string(source), "\r\n", "\n")
	if rest, marked := strings.CutPrefix(text, byteOrderMark); marked {
		l.tokens = append(l.tokens, Token{Comment, byteOrderMark})
		text = rest
	}
	for i, line := range strings.SplitN(text, "\n", 3) {
		if m := coding.FindStringSubmatch(line); i < 2 && m != nil && !isUTF8(m[1]) {
			return false
		}
	}
	l.src = text
	return utf8.ValidString(text) && !strings.ContainsAny(text, "\x00\r")
}

// isUTF8 reports whether the name of an encoding is one of UTF-8's.
func isUTF8(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	return name == "utf-8" || name == "utf8"
}

// lines reads all logical lines.
func (l *lexer) lines() bool {
	for l.pos < len(l.src) {
		start := l.pos
		for l.peek(0) == ' ' || l.peek(0) == '\t' {
			l.pos++
		}
		switch {
		case l.pos == len(l.src):
			return true
		case l.peek(0) == '\n':
			l.pos, l.block = l.pos+1, false
		case l.peek(0) == '#':
			l.comment(l.pos == start)
		case l.peek(0) == '\\': // versions disagree about the indentation
			return false
		default:
			l.block = false
			l.emit(Indent, start)
			if !l.line() {
				return false
			}
		}
	}
	return true
}

// line reads the rest of a logical line, which brackets and backslashes continue on
// the next line.
func (l *lexer) line() bool {
	for l.pos < len(l.src) {
		switch c := l.peek(0); {
		case c == ' ' || c == '\t':
			l.pos++
		case c == '#':
			l.comment(false)
		case c == '\n' && len(l.open) > 0:
			l.pos++
		case c == '\n':
			l.pos++
			l.tokens = append(l.tokens, Token{Kind: Newline})
			return true
		case !l.token(c):
			return false
		}
	}
	l.tokens = append(l.tokens, Token{Kind: Newline}) // Python adds it
	return len(l.open) == 0
}

func (l *lexer) token(c byte) bool {
	start := l.pos
	switch {
	case c == '\\':
		l.pos += 2
		if l.pos >= len(l.src) || l.src[l.pos-1] != '\n' {
			return false
		}
		l.emit(Continuation, start)
	case isDigit(c) || c == '.' && isDigit(l.peek(1)):
		l.number()
		l.emit(Number, start)
		return l.peek(0) != '"' && l.peek(0) != '\'' // a prefix may be part of the number
	case isLetter(c):
		for isLetter(l.peek(0)) || isDigit(l.peek(0)) {
			l.pos++
		}
		if q := l.peek(0); (q == '"' || q == '\'') && isPrefix(l.src[start:l.pos]) {
			return l.text(start)
		}
		l.emit(Name, start)
	case c == '"' || c == '\'':
		return l.text(start)
	default:
		return l.operator(start)
	}
	return true
}

// number reads a number, and letters that follow it directly.
func (l *lexer) number() {
	hex := l.peek(0) == '0' && strings.IndexByte("xX", l.peek(1)) >= 0 && l.pos+1 < len(l.src)
	point := false
	for {
		c := l.peek(0)
		switch {
		case !hex && (c == 'e' || c == 'E') && (l.peek(1) == '+' || l.peek(1) == '-') && isDigit(l.peek(2)):
			l.pos += 2
		case isDigit(c) || isLetter(c):
		case c == '.' && !hex && !point:
			point = true
		default:
			return
		}
		l.pos++
	}
}

// operators are those of several characters, longer ones first.
var operators = []string{"**=", "//=", ">>=", "<<=", "...", "**", "//", ">>", "<<", "<=", ">=", "==", "!=", "<>", "->", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "@=", ":="}

func (l *lexer) operator(start int) bool {
	rest := l.src[l.pos:]
	n := 1
	if i := slices.IndexFunc(operators, func(op string) bool { return strings.HasPrefix(rest, op) }); i >= 0 {
		n = len(operators[i])
	} else if strings.IndexByte("+-*/%@&|^~<>()[]{},:.;=", rest[0]) < 0 {
		return false
	}
	l.pos += n
	l.emit(Operator, start)
	switch rest[0] {
	case '(', '[', '{':
		l.open = append(l.open, closing(rest[0]))
	case ')', ']', '}':
		if len(l.open) == 0 || l.open[len(l.open)-1] != rest[0] {
			return false
		}
		l.open = l.open[:len(l.open)-1]
	}
	return true
}

func closing(bracket byte) byte {
	if bracket == '(' {
		return ')'
	}
	return bracket + 2 // of [ and {
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isLetter reports whether a byte is part of a name. Names may have letters of any
// script.
func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}
