package python

import "strings"

// isPrefix reports whether a name before a quote is a prefix of the string, in some
// version of Python.
func isPrefix(name string) bool {
	switch strings.ToLower(name) {
	case "r", "u", "b", "f", "t", "br", "rb", "fr", "rf", "tr", "rt":
		return true
	}
	return false
}

// text reads a string, of which the prefix is already read.
func (l *lexer) text(start int) bool {
	prefix := strings.ToLower(l.src[start:l.pos])
	quote := l.src[l.pos : l.pos+1]
	if three := strings.Repeat(quote, 3); strings.HasPrefix(l.src[l.pos:], three) {
		quote = three
	}
	l.pos += len(quote)
	body := l.pos
	if !l.closed(quote) {
		return false
	}
	if strings.ContainsAny(prefix, "ft") {
		f := &fields{src: l.src[body : l.pos-len(quote)], raw: strings.Contains(prefix, "r"), quote: quote}
		if !f.literal(false) {
			return false
		}
	}
	l.emit(String, start)
	return true
}

// closed reads up to the end of a string. A backslash keeps the next character from
// ending it, also in raw strings.
func (l *lexer) closed(quote string) bool {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == '\\':
			l.pos += 2
		case strings.HasPrefix(l.src[l.pos:], quote):
			l.pos += len(quote)
			return true
		case c == '\n' && len(quote) == 1:
			return false
		default:
			l.pos++
		}
	}
	return false
}

// fields checks the replacement fields of an f-string. Before Python 3.12 the first
// closing quote ended an f-string; since then quotes inside of fields do not count.
// Only a string in which every field is closed, and holds nothing that one of the
// two forbids, ends at the same place for both.
type fields struct {
	src   string
	pos   int
	raw   bool
	quote string
	depth int
}

// maxNesting is how deep fields of format specifications are followed.
const maxNesting = 8

// literal reads text up to the end of the string, or up to the end of the field if
// it is the format specification of one.
func (f *fields) literal(specification bool) bool {
	for f.pos < len(f.src) {
		rest := f.src[f.pos:]
		switch c := rest[0]; {
		case !specification && (strings.HasPrefix(rest, "{{") || strings.HasPrefix(rest, "}}")):
			f.pos += 2
		case c == '{':
			f.pos++
			if !f.field() {
				return false
			}
		case c == '}':
			return specification
		case c == '\\' && (specification || len(rest) < 2):
			return false
		case c == '\\' && (rest[1] == '{' || rest[1] == '}'):
			f.pos++ // the brace still begins a field
		case c == '\\' && rest[1] == 'N' && !f.raw:
			end := strings.IndexByte(rest, '}')
			if !strings.HasPrefix(rest, `\N{`) || end < 0 {
				return false
			}
			f.pos += end + 1
		case c == '\\':
			f.pos += 2
		case c == '\n' && specification:
			return false
		default:
			f.pos++
		}
	}
	return !specification
}

// field reads a replacement field to its closing brace.
func (f *fields) field() bool {
	if f.depth++; f.depth > maxNesting {
		return false
	}
	defer func() { f.depth-- }()
	var open []byte
	for f.pos < len(f.src) {
		c := f.src[f.pos]
		f.pos++
		switch c {
		case '\\', '#':
			return false
		case '\n':
			if len(f.quote) == 1 {
				return false
			}
		case '(', '[', '{':
			open = append(open, closing(c))
		case ')', ']', '}':
			if len(open) == 0 {
				return c == '}'
			}
			if open[len(open)-1] != c {
				return false
			}
			open = open[:len(open)-1]
		case '"', '\'':
			if !f.nested(c) {
				return false
			}
		case ':':
			if len(open) == 0 {
				if !f.literal(true) {
					return false
				}
				f.pos++
				return true
			}
		}
	}
	return false
}

// nested reads a string inside of a field: one that ends at the next such quote, and
// has no escapes.
func (f *fields) nested(quote byte) bool {
	if f.quote == string(quote) {
		return false
	}
	n := strings.IndexByte(f.src[f.pos:], quote)
	if n < 0 || n == 0 && f.pos+1 < len(f.src) && f.src[f.pos+1] == quote { // three quotes
		return false
	}
	text := f.src[f.pos : f.pos+n]
	if strings.ContainsAny(text, "\\\n#") {
		return false
	}
	inner := fields{src: text, quote: string(quote), depth: f.depth}
	if f.formatted() && !inner.literal(false) {
		return false
	}
	f.pos += n + 1
	return true
}

// formatted reports whether the letters before the quote that was just read may be
// the prefix of an f-string.
func (f *fields) formatted() bool {
	before := f.src[:f.pos-1]
	name := before[len(strings.TrimRight(before, "bBfFrRtTuU")):]
	return strings.ContainsAny(name, "fFtT")
}
