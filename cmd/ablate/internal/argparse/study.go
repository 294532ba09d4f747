package argparse

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Study writes a study of a script: the seed and the first flag with choices vary, flags with a
// default have it, and the others are comments. No factor has a name that is taken. ok is false
// where the help lists no flags.
func Study(script, help string, taken []string) (text string, ok bool) {
	script, help = readable(script), readable(help)
	flags := flagsOf(help)
	factors := factorsOf(flags, taken)
	matrix, analysis := "", "table"
	if len(factors) > 0 {
		matrix = "matrix {\n"
		for _, f := range factors {
			matrix += fmt.Sprintf("%s = [%s]\n", f.name, strings.Join(f.levels, ", "))
		}
		matrix += "}\n\n"
	}
	if len(factors) > 1 { // the seed numbers the replicates of the other
		analysis = "factorial"
	}
	parameters := ""
	for _, name := range argumentsOf(help) {
		parameters += fmt.Sprintf("# The script takes %s: add it to argv\n", name)
	}
	for _, f := range flags {
		parameters += parameter(f, factors) + "\n"
	}
	return fmt.Sprintf(`study %s {}

train "command" "main" {
%sargv  = ["python3", %[3]s]
files = [%[3]s]
flags = "argparse"

parameters = {
%[4]s}

# A pattern for lines that the script prints; see docs/pytorch.md.
metrics = {
stdout = "(?i)\\b(e?val|valid|validation)[-_ /.]+loss['\"]?[=: ]+(?P<val_loss>[-+]?[0-9]+(\\.[0-9]+)?(e[-+]?[0-9]+)?|nan|inf)"
}
}

analysis %[5]q "main" {
trials = train.command.main
}
`, literal(studyName(script)), matrix, literal(filepath.ToSlash(script)), parameters, analysis), len(flags) > 0
}

// readable leaves out what no text of the language holds: control characters and broken UTF-8.
func readable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
}

// factor is a flag that varies, and what it takes.
type factor struct {
	name   string
	levels []string
}

func factorsOf(flags []flag, taken []string) (out []factor) {
	chosen := false
	for _, f := range flags {
		switch {
		case f.name == "seed":
			out = append(out, factor{f.name, []string{"1", "2", "3"}})
		case len(f.choices) > 1 && !chosen && identifier.MatchString(f.name) && !slices.Contains(taken, f.name):
			chosen = true
			levels := make([]string, len(f.choices))
			for i, c := range f.choices {
				levels[i] = literal(c)
			}
			out = append(out, factor{f.name, levels})
		}
	}
	return out
}

// parameter passes a flag to the script, or says how to.
func parameter(f flag, factors []factor) string {
	name := f.name
	if !identifier.MatchString(name) {
		name = strconv.Quote(name)
	}
	switch {
	case slices.ContainsFunc(factors, func(x factor) bool { return x.name == f.name }):
		return fmt.Sprintf("%s = matrix.%s", name, f.name)
	case f.several:
		return fmt.Sprintf("# %s may take several values: add those to argv", name)
	case f.opposite != "":
		return fmt.Sprintf("# %s = true, or %s = true", name, f.opposite)
	case !f.value:
		return fmt.Sprintf("# %s = true", name)
	case f.standard == "":
		return fmt.Sprintf("# %s = \"\"", name)
	}
	return fmt.Sprintf("%s = %s", name, literal(f.standard))
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// studyName is the name of a script without what names of studies cannot have.
func studyName(script string) string {
	name := notInName.ReplaceAllString(strings.TrimSuffix(filepath.Base(script), ".py"), "-")
	if name = strings.TrimLeft(name, "-0123456789"); name == "" {
		return "script"
	}
	return name
}

// identifier matches names that need no quotes.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// number matches numbers whose text the language keeps: 1.10 would become 1.1.
var number = regexp.MustCompile(`^-?(0|[1-9]\d*)(\.\d*[1-9])?$`)

// literal writes a value of a flag in the language.
func literal(text string) string {
	if number.MatchString(text) {
		return text
	}
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strconv.Quote(text))
}
