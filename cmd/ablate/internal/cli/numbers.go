package cli

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/pipeline/planner"
)

// namedNumber is one number of an analysis, under a name that a paper can use.
type namedNumber struct {
	Name   string
	Value  float64
	What   string // the contrast or cell in words
	Step   *planner.Task
	Result cache.Digest
}

// numberNames are parts of a name: ANALYSIS/KIND/WHAT/FIELD.
var notInNames = regexp.MustCompile(`[^a-z0-9.]+`)

func slug(s string) string {
	return strings.Trim(notInNames.ReplaceAllString(strings.ToLower(s), "-"), "-")
}

// numbers lists the numbers of the plan's cached analyses, by name.
func numbers(ctx context.Context, w *workspace, plan *planner.Plan) ([]namedNumber, error) {
	var out []namedNumber
	for _, s := range plan.Tasks {
		if _, has := s.Entry.Artifact(forms["json"]); s.Block != "analysis" || s.Status != planner.Hit || !has {
			continue
		}
		r, err := readResult(ctx, w.store, s)
		if err != nil {
			return nil, err
		}
		out = append(out, r.numbers(s)...)
	}
	return out, nil
}

func (r analysisResult) numbers(s *planner.Task) []namedNumber {
	var out []namedNumber
	taken := make(map[string]bool)
	add := func(kind, what, field string, v *float64) {
		name := strings.Join([]string{slug(s.Address.Stage.Name), slug(kind), slug(what), slug(field)}, "/")
		if v == nil || taken[name] {
			return
		}
		taken[name] = true
		out = append(out, namedNumber{Name: name, Value: *v, What: kind + " " + what + ", " + field, Step: s, Result: r.digest})
	}
	for _, c := range r.Cells {
		if len(c.Levels) == 0 { // of a mechanism, whose cells are by step and layer
			continue
		}
		n := float64(c.N)
		what := strings.Join(c.Levels, " ")
		add("cell", what, "mean", c.Mean)
		add("cell", what, "sd", c.SD)
		add("cell", what, "n", &n)
	}
	for _, l := range r.lines() {
		for _, f := range []struct {
			name  string
			value *float64
		}{
			{"estimate", l.Estimate}, {"low", l.Low}, {"high", l.High}, {"f", l.F}, {"p", l.P}, {"p-holm", l.PHolm},
			{"half-width", l.HalfWidth}, {"detectable", l.Detectable}, {"eta2", l.Eta2}, {"omega2", l.Omega2},
		} {
			add(l.Kind, l.Name, f.name, f.value)
		}
	}
	return out
}

func (g *globals) exportNumbersCommand() *cobra.Command {
	var format, to string
	c := &cobra.Command{
		Use:   "numbers",
		Short: "Write every number of the analyses under a name that a paper can use",
		Long: "numbers writes a file of names. In LaTeX, \\input it and write \\ablate{NAME}, or \\ablate[3]{NAME}\n" +
			"with another number of decimals; a number typed by hand stands in \\ablatenum{NAME}{0.659}. In\n" +
			"Markdown, a number is [0.659](#ablate:NAME). ablate report --check then compares a paper with\n" +
			"the study. ablate show NAME says where a number comes from." + codes(""),
		Example: "  ablate export numbers --format latex --to numbers.tex",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			write := map[string]func([]namedNumber) string{"latex": latexNumbers, "markdown": markdownNumbers}[format]
			if write == nil {
				return fmt.Errorf("--format: %q is none of latex, markdown", format)
			}
			w, plan, err := g.planned(c.Context())
			if err != nil {
				return err
			}
			list, err := numbers(c.Context(), w, plan)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				return fmt.Errorf("no analysis has numbers yet; run the study first")
			}
			text := write(list)
			if to == "" {
				g.view().Text(text)
				return nil
			}
			if err := os.WriteFile(to, []byte(text), 0o644); err != nil { //nolint:gosec // a paper's file
				return err
			}
			g.view().Object(map[string]any{"type": "exported", "file": to, "rows": len(list)})
			g.view().Note("%s: %s.", to, count(len(list), "number"))
			return nil
		},
	}
	c.Flags().StringVar(&format, "format", "latex", "latex or markdown")
	c.Flags().StringVar(&to, "to", "", "the `file` to write; standard output without it")
	return c
}

// decimalsOf is how a number is printed where nobody says otherwise.
const decimalsOf = 4

func latexNumbers(list []namedNumber) string {
	var b strings.Builder
	b.WriteString("% Written by ablate export numbers; ablate report --check compares it with the study.\n" +
		"% \\ablate{NAME} and \\ablate[DECIMALS]{NAME} print a number, \\ablatenum{NAME}{TEXT} prints a text that is checked.\n" +
		"\\newcommand{\\ablatenum}[2]{#2}\n" +
		"\\newcommand{\\ablate}[2][4]{\\ifcsname ablate@#1@#2\\endcsname\\csname ablate@#1@#2\\endcsname\\else\\errmessage{No number #2 with #1 decimals in numbers.tex}\\fi}\n" +
		"\\makeatletter\n\\newcommand{\\ablate@def}[3]{\\expandafter\\def\\csname ablate@#1@#2\\endcsname{\\ensuremath{#3}}}\n")
	const most = 6
	at := cache.Digest{}
	for _, n := range list {
		if n.Result != at {
			at = n.Result
			fmt.Fprintf(&b, "\n%% %s, %s\n", n.Step.Address, n.Result)
		}
		for d := range most + 1 {
			fmt.Fprintf(&b, "\\ablate@def{%d}{%s}{%s}\n", d, n.Name, fixed(n.Value, d))
		}
	}
	b.WriteString("\\makeatother\n")
	return b.String()
}

func markdownNumbers(list []namedNumber) string {
	var b strings.Builder
	b.WriteString("| name | number | what | result |\n|---|---:|---|---|\n")
	for _, n := range list {
		fmt.Fprintf(&b, "| `%s` | [%s](#ablate:%s) | %s | %s |\n", n.Name, fixed(n.Value, decimalsOf), n.Name, strings.ReplaceAll(n.What, "|", "\\|"), n.Result)
	}
	return b.String()
}

// fixed rounds to decimals; what rounds to zero has no sign.
func fixed(v float64, decimals int) string {
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	return s
}

// The forms in which a paper names a number.
var (
	latexTyped = regexp.MustCompile(`\\ablatenum\{([^{}]*)\}\{((?:[^{}]|\{[^{}]*\})*)\}`)
	latexNamed = regexp.MustCompile(`\\ablate(?:\[\d+\])?\{([^{}#]*)\}`)
	latexKept  = regexp.MustCompile(`\\ablate@def\{(\d+)\}\{([^{}]*)\}\{([^{}]*)\}`)
	markdown   = regexp.MustCompile(`\[([^\[\]]*)\]\(#ablate:([^()]*)\)`)
)

// mention is a number that a paper prints.
type mention struct {
	name, text string // no text: the name alone
	offset     int
}

// latexComment is what LaTeX does not see.
var latexComment = regexp.MustCompile(`(?m)^%.*$|[^\\]%.*$`)

func mentions(file string, raw []byte) (out []mention) {
	if filepath.Ext(file) == ".tex" {
		raw = latexComment.ReplaceAllFunc(raw, func(c []byte) []byte { return bytes.Repeat([]byte(" "), len(c)) })
	}
	for _, m := range latexTyped.FindAllSubmatchIndex(raw, -1) {
		out = append(out, mention{string(raw[m[2]:m[3]]), string(raw[m[4]:m[5]]), m[0]})
	}
	for _, m := range latexNamed.FindAllSubmatchIndex(raw, -1) {
		out = append(out, mention{string(raw[m[2]:m[3]]), "", m[0]})
	}
	for _, m := range latexKept.FindAllSubmatchIndex(raw, -1) {
		out = append(out, mention{string(raw[m[4]:m[5]]), string(raw[m[6]:m[7]]), m[0]})
	}
	for _, m := range markdown.FindAllSubmatchIndex(raw, -1) {
		out = append(out, mention{string(raw[m[4]:m[5]]), string(raw[m[2]:m[3]]), m[0]})
	}
	return out
}

// decoration is what papers put around a number.
var decoration = strings.NewReplacer("$", "", "\\,", "", "{,}", "", "{", "", "}", "", "−", "-", "\u2009", "", "~", "", "\\ensuremath", "", "*", "")

// agrees reports whether a printed text is the value, rounded as printed. A
// text with a percent sign is a share times a hundred.
func agrees(text string, value float64) (now string, ok bool) {
	t := strings.TrimSpace(decoration.Replace(text))
	if p := strings.TrimSpace(strings.TrimSuffix(strings.TrimSuffix(t, "%"), "\\")); p != t {
		t, value = p, 100*value
	}
	t = strings.TrimPrefix(t, "+")
	printed, err := strconv.ParseFloat(t, 64)
	if err != nil || math.IsNaN(printed) {
		return fixed(value, decimalsOf), false
	}
	if strings.ContainsAny(t, "eE") {
		mantissa, _, _ := strings.Cut(strings.ToLower(t), "e")
		_, digits, _ := strings.Cut(mantissa, ".")
		now = strconv.FormatFloat(value, 'e', len(digits), 64)
		rounded, _ := strconv.ParseFloat(now, 64)
		return now, rounded == printed
	}
	_, digits, _ := strings.Cut(t, ".")
	now = fixed(value, len(digits))
	rounded, _ := strconv.ParseFloat(now, 64)
	return now, rounded == printed
}

// check compares the numbers that a paper prints with the study's.
func (g *globals) check(ctx context.Context, files []string) error {
	w, plan, err := g.planned(ctx)
	if err != nil {
		return err
	}
	list, err := numbers(ctx, w, plan)
	if err != nil {
		return err
	}
	byName := make(map[string]namedNumber, len(list))
	for _, n := range list {
		byName[n.Name] = n
	}
	checked, wrong := 0, 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, m := range mentions(file, raw) {
			checked++
			n, known := byName[m.name]
			now, ok := "", m.text == ""
			if known && m.text != "" {
				now, ok = agrees(m.text, n.Value)
			}
			if known && ok {
				continue
			}
			wrong++
			line := 1 + bytes.Count(raw[:m.offset], []byte("\n"))
			g.view().Object(map[string]any{"type": "mismatch", "file": file, "line": line, "name": m.name, "printed": m.text, "now": now, "known": known})
			if known {
				g.view().Text(fmt.Sprintf("%s:%d: %s is printed as %s and is %s now\n", file, line, m.name, m.text, now))
			} else {
				g.view().Text(fmt.Sprintf("%s:%d: the study has no number %s\n", file, line, m.name))
			}
		}
	}
	switch {
	case wrong > 0:
		return fmt.Errorf("%d of %d numbers no longer match the study", wrong, checked)
	case checked == 0:
		return fmt.Errorf("no number is named in %s; ablate export numbers says how", strings.Join(files, ", "))
	}
	g.view().Object(map[string]any{"type": "checked", "numbers": checked})
	g.view().Text(fmt.Sprintf("All %d numbers match the study.\n", checked))
	return nil
}

// showNumber says where a number comes from.
func (g *globals) showNumber(ctx context.Context, w *workspace, plan *planner.Plan, name string) error {
	list, err := numbers(ctx, w, plan)
	if err != nil {
		return err
	}
	for _, n := range list {
		if n.Name != name {
			continue
		}
		o := map[string]any{"type": "number", "name": n.Name, "value": n.Value, "what": n.What, "address": n.Step.Address.String(), "key": n.Step.Key, "result": n.Result}
		var b strings.Builder
		fmt.Fprintf(&b, "%s = %s\n  %s\n\n  from    %s\n  key     %s\n  result  %s\n  again   ablate run --target %s\n",
			n.Name, strconv.FormatFloat(n.Value, 'g', -1, 64), n.What, n.Step.Address, n.Step.Key, n.Result, shellQuote(n.Step.Address.String()))
		b.WriteString("\nIt rests on\n\n")
		var rests []map[string]any
		for _, d := range plan.Needs(n.Step) {
			rests = append(rests, map[string]any{"address": d.Address.String(), "key": d.Key})
			fmt.Fprintf(&b, "  %s  %s\n", d.Key.String()[:12], d.Address)
		}
		o["rests_on"] = rests
		g.view().Object(o)
		g.view().Text(b.String())
		return nil
	}
	return fmt.Errorf("no analysis with a result has a number %s; ablate export numbers lists them", name)
}
