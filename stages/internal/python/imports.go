package python

import (
	"path"
	"slices"
	"strings"
)

// Module is a module that a program imports.
type Module struct {
	Name  string // with dots; of a relative import without the leading ones
	Level int    // leading dots of a relative import, 0 for an absolute one
}

// Top is the package that an absolute import leads to, or the module outside of packages.
func (m Module) Top() string {
	top, _, _ := strings.Cut(m.Name, ".")
	return top
}

// Imports lists the modules that the import statements of a source name. What
// `from a import b` imports may be a module: it is listed as a.b, too.
func Imports(tokens []Token) (out []Module) {
	add := func(m Module) {
		if !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	s := statements{tokens: slices.DeleteFunc(slices.Clone(tokens), func(t Token) bool { return t.Kind == Continuation || t.Kind == Comment })}
	for s.next() {
		switch first := s.take(); first.Text {
		case "import":
			s.imports(add)
		case "from":
			s.from(add)
		}
	}
	return out
}

// statements walks to the start of each statement.
type statements struct {
	tokens []Token
	pos    int
}

// next moves to the first token of a statement: of a line, or after a colon or a
// semicolon.
func (s *statements) next() bool {
	for s.pos < len(s.tokens) {
		t := s.tokens[s.pos]
		s.pos++
		if t.Kind == Indent || t.Kind == Operator && (t.Text == ":" || t.Text == ";") {
			return s.pos < len(s.tokens)
		}
	}
	return false
}

// take returns the next token if it is a name or an operator.
func (s *statements) take() (t Token) {
	if s.pos < len(s.tokens) && (s.tokens[s.pos].Kind == Name || s.tokens[s.pos].Kind == Operator) {
		t = s.tokens[s.pos]
		if t.Text == ":" || t.Text == ";" {
			return Token{}
		}
		s.pos++
	}
	return t
}

// dotted reads a name with dots, which may begin with dots, and the token after it.
func (s *statements) dotted() (name string, after Token) {
	var b strings.Builder
	for {
		t := s.take()
		expected := b.Len() == 0 || strings.HasSuffix(b.String(), ".")
		if strings.Trim(t.Text, ".") == "" && t.Text != "" || t.Kind == Name && expected && t.Text != "import" {
			b.WriteString(t.Text)
			continue
		}
		return b.String(), t
	}
}

// imports reads `import a.b as c, d`.
func (s *statements) imports(add func(Module)) {
	for {
		name, after := s.dotted()
		if name != "" {
			add(Module{Name: name})
		}
		if after.Text == "as" {
			s.take()
			after = s.take()
		}
		if after.Text != "," {
			return
		}
	}
}

// from reads `from .a import (b as c, d)`.
func (s *statements) from(add func(Module)) {
	name, after := s.dotted()
	if after.Text != "import" {
		return
	}
	absolute := strings.TrimLeft(name, ".")
	m := Module{absolute, len(name) - len(absolute)}
	add(m)
	for {
		t := s.take()
		switch {
		case t.Text == "as":
			s.take()
		case t.Kind == Name:
			add(Module{strings.TrimPrefix(m.Name+"."+t.Text, "."), m.Level})
		case t.Text != "(" && t.Text != ",":
			return
		}
	}
}

// Files lists the paths at which a module may lie that a file of the given path
// imports, and those of the packages above it, by the folder in which Python looks
// for it. Python looks in the folder of the
// program and in the current one: which those are is known only when it runs, so all
// folders above the file count.
func (m Module) Files(file string) (out [][]string) {
	parts := strings.Split(m.Name, ".")
	folder := path.Dir(file)
	if m.Level > 0 {
		for range m.Level - 1 {
			folder = path.Dir(folder)
		}
		return [][]string{m.below(folder, parts)}
	}
	for {
		out = append(out, m.below(folder, parts))
		if folder == "." || folder == "/" {
			return out
		}
		folder = path.Dir(folder)
	}
}

func (m Module) below(folder string, parts []string) (out []string) {
	for i := range parts {
		base := path.Join(append([]string{folder}, parts[:i+1]...)...)
		if parts[i] != "" {
			out = append(out, base+".py")
		}
		out = append(out, path.Join(base, "__init__.py"))
	}
	return out
}
