package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"ablate/hcl"
	"ablate/hcl/spec"
	"ablate/pipeline"
)

// scriptRequest asks for a study of a Python script that parses its flags with
// argparse. The script is run once, with --help.
type scriptRequest struct{ Script string }

// helpTime is how long a script may take to print its help: imports are slow.
const helpTime = 2 * time.Minute

func (r scriptRequest) do(ctx context.Context, s *session) error {
	if !filepath.IsLocal(r.Script) {
		return fmt.Errorf("%s is not below %s: go to the script's folder, or name it with --chdir", r.Script, s.dir)
	}
	if err := refuseStudy(s.dir); err != nil {
		return err
	}
	s.view().Note("Running python3 %s --help for its flags, for up to %.0f minutes.", r.Script, helpTime.Minutes())
	help, err := r.help(ctx, s.dir)
	if err != nil {
		return err
	}
	if len(flagsOf(help)) == 0 {
		return fmt.Errorf("the help of %s lists no flags: %s", r.Script, r.byHand())
	}
	text, list := hcl.Format("study.hcl", []byte(scriptStudy(r.Script, help, s.attributesOfPrograms())))
	if err := list.Err(); err != nil {
		return fmt.Errorf("this is a bug in ablate: the study of %s does not parse: %w", r.Script, err)
	}
	if err := createFile(filepath.Join(s.dir, "study.hcl"), text, 0o644); err != nil {
		return err
	}
	varies := "Choose what varies in its matrix"
	if !strings.Contains(string(text), "\n  matrix {") {
		varies = "The script has no flag with choices and no --seed, so nothing varies yet: add a matrix with levels, and read them in parameters"
	}
	s.view().Text("Created study.hcl. " + varies + ". Say in metrics what the script prints, and continue with:\n\n    " + s.command("plan") + "\n")
	return nil
}

// help runs the script with --help, and returns what it prints.
func (r scriptRequest) help(ctx context.Context, dir string) (string, error) {
	if info, err := os.Stat(filepath.Join(dir, r.Script)); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a file in %s", r.Script, dir)
	}
	ctx, cancel := context.WithTimeout(ctx, helpTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", r.Script, "--help")
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, append(cmd.Environ(), "COLUMNS=200", "NO_COLOR=1", "TYPER_USE_RICH=0"), time.Second
	help, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return string(help), nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("python3 %s --help did not end within %s: the script must parse its flags before it does anything else", r.Script, helpTime)
	case errors.As(err, &exit) && len(exit.Stderr) > 0:
		lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(string(exit.Stderr), "?")), "\n")
		return "", fmt.Errorf("python3 %s --help failed: %s: %s", r.Script, strings.TrimSpace(lines[len(lines)-1]), r.byHand())
	}
	return "", fmt.Errorf("python3 %s --help failed: %w: %s", r.Script, err, r.byHand())
}

// byHand says which scripts init reads, and how a study of another one passes settings.
func (r scriptRequest) byHand() string {
	return fmt.Sprintf("init needs a Python script that prints its flags with --help, as argparse does. If it has a parser of its own, "+
		"write the study by hand, with flags = \"hydra\" for Hydra, or with each setting in argv:\n\n"+
		"    argv = [\"python3\", \"%s\", \"--name=${matrix.name}\"]\n\nSee \"Other arguments\" in docs/pytorch.md.", r.Script)
}

// attributesOfPrograms lists the attributes of trials that are programs. A factor of such
// a name would set the attribute.
func (s *session) attributesOfPrograms() (names []string) {
	for _, k := range s.app.Kinds {
		if k.Role == pipeline.Trial && k.Type == "command" {
			names = append(names, spec.Of(reflect.TypeOf(k.New())).Names()...)
		}
	}
	return names
}

// scriptFlag is a flag of a script.
type scriptFlag struct {
	name     string
	value    bool     // it takes a value
	several  bool     // it takes several, which parameters cannot hold
	choices  []string // the values that it takes
	standard string   // its default, "" where the help does not say
	opposite string   // the flag that switches it off, "" for none
}

var (
	flagLine    = regexp.MustCompile(`^ {1,8}(?:-\w(?: \{[^}]*\}| [^ ,]+)?, )?--([\w-]+)((?: |, )\S.*?)?(?:  +|$)`)
	flagStart   = regexp.MustCompile(`^ {1,8}-`)
	flagAlias   = regexp.MustCompile(`(?:, | / )--?([\w-]+)`)
	flagDefault = regexp.MustCompile(`([(\[])default: (.*)`)
)

// flagsOf reads the help of argparse, or of click. The text of a flag goes up to the next
// one.
func flagsOf(help string) (flags []scriptFlag) {
	known := false // the line belongs to the last of flags
	for line := range strings.Lines(help) {
		if flagStart.MatchString(line) {
			known = false
		}
		if m := flagLine.FindStringSubmatch(strings.TrimRight(line, "\r\n")); m != nil {
			flags, known = append(flags, flagOf(m[1], strings.TrimRight(m[2], " "))), true
		}
		if standard := defaultIn(line); known && standard != "" && standard != "None" {
			flags[len(flags)-1].standard = standard
		}
	}
	return slices.DeleteFunc(flags, func(f scriptFlag) bool { return f.name == "help" || f.name == "version" })
}

// defaultIn is the default that a line of help names, which may hold brackets: (0.9, 0.999).
// "" is none, or one that is not sure to end where its bracket closes.
func defaultIn(line string) string {
	m := flagDefault.FindStringSubmatch(line)
	if m == nil {
		return ""
	}
	end := closing(m[2])
	if end < 0 || closing(m[2][end+1:]) >= 0 {
		return ""
	}
	text := m[2][:end]
	if m[1] == "[" { // click adds limits: [default: 1; x>=0]
		text, _, _ = strings.Cut(text, "; ")
	}
	return text
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
func flagOf(name, after string) scriptFlag {
	f := scriptFlag{name: name, value: true}
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

// scriptStudy writes the study: the seed and the first flag with choices vary, flags
// with a default have it, and the others are comments. taken are names that no factor
// can have.
func scriptStudy(script, help string, taken []string) string {
	flags := flagsOf(help)
	var matrix, parameters strings.Builder
	for _, name := range argumentsOf(help) {
		fmt.Fprintf(&parameters, "# The script takes %s: add it to argv\n", name)
	}
	varied := ""
	for _, f := range flags {
		switch {
		case f.name == "seed":
			matrix.WriteString("seed = [1, 2, 3]\n")
		case len(f.choices) > 1 && varied == "" && identifier.MatchString(f.name) && !slices.Contains(taken, f.name):
			varied = f.name
			levels := make([]string, len(f.choices))
			for i, c := range f.choices {
				levels[i] = literal(c)
			}
			fmt.Fprintf(&matrix, "%s = [%s]\n", f.name, strings.Join(levels, ", "))
		}
	}
	for _, f := range flags {
		name := f.name
		if !identifier.MatchString(name) {
			name = strconv.Quote(name)
		}
		switch {
		case f.name == "seed" || f.name == varied:
			fmt.Fprintf(&parameters, "%s = matrix.%s\n", name, f.name)
		case f.several:
			fmt.Fprintf(&parameters, "# %s takes several values: add them to argv\n", name)
		case f.opposite != "":
			fmt.Fprintf(&parameters, "# %s = true, or %s = true\n", name, f.opposite)
		case !f.value:
			fmt.Fprintf(&parameters, "# %s = true\n", name)
		case f.standard == "":
			fmt.Fprintf(&parameters, "# %s = \"\"\n", name)
		default:
			fmt.Fprintf(&parameters, "%s = %s\n", name, literal(f.standard))
		}
	}
	analysis := "table"
	if varied != "" && strings.Contains(matrix.String(), "seed = ") {
		analysis = "factorial"
	}
	text := fmt.Sprintf("study %s {}\n\ntrain \"command\" \"main\" {\n", literal(studyName(script)))
	if matrix.Len() > 0 {
		text += "matrix {\n" + matrix.String() + "}\n\n"
	}
	return text + fmt.Sprintf(`argv  = ["python3", %[1]s]
files = [%[1]s]
flags = "argparse"

parameters = {
%[2]s}

# A pattern for lines that the script prints; see docs/pytorch.md.
metrics = {
stdout = "val_loss[=: ]+(?P<val_loss>[-+]?[0-9][-+.0-9e]*|nan|inf)"
}
}

analysis %[3]q "main" {
trials = train.command.main
}
`, literal(filepath.ToSlash(script)), parameters.String(), analysis)
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
