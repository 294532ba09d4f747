// Package argparse reads the help that Python scripts print with argparse, click or absl, and
// writes a study of a script from it. It runs nothing, and knows no more of the language than its text.
package argparse

import (
	"regexp"
	"slices"
	"strings"
)

// flag is a flag of a script.
type flag struct {
	name     string
	value    bool     // it takes a value
	several  bool     // it may take several, which parameters cannot hold
	choices  []string // the values that it takes
	standard string   // its default, "" where the help does not say, or not surely
	opposite string   // the flag that switches it off, "" for none
}

var (
	flagLine    = regexp.MustCompile(`^ {1,8}(?:-\w(?: \{[^}]*\}| [^ ,]+)?, )?--([\w-]+)((?: |, )\S.*?)?(?:  +|$)`)
	abslLine    = regexp.MustCompile(`^  (?:-\w,)?--(\[no\])?([\w-]+): (?:<([^>]*)>: )?`)
	flagStart   = regexp.MustCompile(`^ {1,8}-`)
	flagAlias   = regexp.MustCompile(`(?:, | / )--?([\w-]+)`)
	flagDefault = regexp.MustCompile(`([(\[])default: (.*)`)
	// quotedDefault matches what absl, and %r in argparse, write without an escape.
	quotedDefault = regexp.MustCompile(`^(?:'([^'\\]*)'|"([^"\\]*)")$`)
)

// flagsOf reads the help. The text of a flag goes up to the next one.
func flagsOf(help string) (flags []flag) {
	known := false // the line belongs to the last of flags
	for line := range strings.Lines(help) {
		if flagStart.MatchString(line) {
			known = false
		}
		if m := abslLine.FindStringSubmatch(line); m != nil {
			flags, known = append(flags, abslFlag(m[2], m[1] != "", m[3])), true
		} else if m := flagLine.FindStringSubmatch(strings.TrimRight(line, "\r\n")); m != nil {
			flags, known = append(flags, flagOf(m[1], strings.TrimRight(m[2], " "))), true
		}
		if known {
			flags[len(flags)-1].readDefault(line)
		}
	}
	return slices.DeleteFunc(flags, func(f flag) bool { return f.name == "help" || f.name == "version" })
}

// readDefault takes the default that a line of help names. A script need not get it from its
// text: type=bool of argparse makes True of "False", and a list is appended to.
func (f *flag) readDefault(line string) {
	text, ofClick := defaultIn(line)
	switch {
	case text == "", text == "None", text == "False":
	case ofClick && text[0] == '(', strings.ContainsAny(text[:1], `'"`): // a description, or with escapes
	case text[0] == '[', ofClick && strings.Contains(text, ", "):
		f.several, f.choices = true, nil
	default:
		f.standard = text
	}
}

// defaultIn is the default that a line of help names, which may hold brackets: (0.9, 0.999).
// "" is none, or one that is not sure to end where its bracket closes.
func defaultIn(line string) (text string, ofClick bool) {
	m := flagDefault.FindStringSubmatch(line)
	if m == nil {
		return "", false
	}
	end := closing(m[2])
	if end < 0 || closing(m[2][end+1:]) >= 0 {
		return "", false
	}
	text, ofClick = m[2][:end], m[1] == "["
	if ofClick { // with limits: [default: 1; x>=0]
		text, _, _ = strings.Cut(text, "; ")
	}
	if quoted := quotedDefault.FindStringSubmatch(text); quoted != nil {
		text = quoted[1] + quoted[2]
	}
	return text, ofClick
}

// closing is where a text closes a bracket that it does not open; -1 for nowhere.
func closing(text string) int {
	depth := 0
	for i, c := range text {
		switch c {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		}
		if depth < 0 {
			return i
		}
	}
	return -1
}

// flagOf reads what follows the name of a flag: other names and its opposite, and then
// nothing, choices, the name of a value, or of several.
func flagOf(name, after string) flag {
	f := flag{name: name, value: true}
	values := after
	if aliases := flagAlias.FindAllStringSubmatchIndex(after, -1); aliases != nil {
		if alias := after[aliases[0][2]:aliases[0][3]]; alias == "no-"+name {
			f.opposite = alias
		}
		if values = after[:aliases[0][0]]; values == "" { // some repeat the name of the value, others do not
			values = after[aliases[len(aliases)-1][1]:]
		}
	}
	values = strings.TrimSuffix(strings.TrimSpace(values), " RANGE") // one value between limits, in click
	inner := strings.Trim(values, "{}[]<>")
	switch {
	case values == "":
		f.value = false
	case strings.HasPrefix(values, "{") && strings.Index(values, "}") == len(values)-1:
		f.choices = strings.Split(inner, ",")
	case strings.ContainsAny(values, " ") || strings.Contains(values, "..."):
		f.several = true
	case strings.Contains(inner, "|") && strings.ContainsAny(values[:1], "[<"): // of click, and of typer
		f.choices = strings.Split(inner, "|")
	}
	return f
}

// abslFlag is a flag in the help of absl.
func abslFlag(name string, boolean bool, choices string) flag {
	f := flag{name: name, value: !boolean}
	if boolean {
		f.opposite = "no" + name
	}
	if choices != "" {
		f.choices = strings.Split(choices, "|")
	}
	return f
}

// argumentsOf lists the arguments without a dash that the help names.
func argumentsOf(help string) (names []string) {
	_, section, _ := strings.Cut(help, "positional arguments:\n")
	for line := range strings.Lines(section) {
		name := strings.Fields(line)
		if len(name) == 0 {
			break
		}
		if indent := len(line) - len(strings.TrimLeft(line, " ")); indent <= 4 {
			names = append(names, name[0])
		}
	}
	return names
}
