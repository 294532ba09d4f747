package view_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/diag"
	"ablate/pipeline/planner"
	"ablate/stages/answer"
)

// A terminal on stderr does not colour a result that goes to a file.
func TestResultsWithoutColours(t *testing.T) {
	plan := &planner.Plan{Tasks: []*planner.Task{{Status: planner.Run}}}
	for _, want := range []bool{false, true} {
		var out bytes.Buffer
		v := view.New(view.Options{Stdout: &out, Color: true, ColorResults: want})
		v.Text(v.Plan(plan))
		if got := strings.Contains(out.String(), "\x1b["); got != want {
			t.Errorf("colours in %q: %v, want %v", out.String(), got, want)
		}
	}
}

// A plan of one duplicate has no duplicates.
func TestPlanCounts(t *testing.T) {
	one, two := &planner.Task{Status: planner.Same}, &planner.Task{Status: planner.Run}
	v := view.New(view.Options{})
	for want, tasks := range map[string][]*planner.Task{"1 to run, 1 duplicate, ": {one, two}, "0 to run, 2 duplicates, ": {one, one}} {
		if got := v.Plan(&planner.Plan{Tasks: tasks}); !strings.Contains(got, "Plan: "+want) {
			t.Errorf("a plan says\n%s\nwant %s", got, want)
		}
	}
}

// Of a long line, only what surrounds the place is quoted. Control characters are
// replaced.
func TestQuotes(t *testing.T) {
	line := strings.Repeat("x", 100_000)
	for _, tt := range []struct {
		text   string
		column int
		want   string
	}{
		{"here\x1b[31m\x00b\tc\r\n", 1, "  1 │ here\uFFFD[31m\uFFFDb c\n    │ ^^^^\n"},
		{"here" + line, 1, "  1 │ here" + line[:155] + "…\n    │ ^^^^\n"},
		{line + "here" + line, 100_001, "  1 │ …" + line[:39] + "here" + line[:115] + "…\n    │ " + strings.Repeat(" ", 40) + "^^^^\n"},
		{line + "here", 100_001, "  1 │ …" + line[:155] + "here\n    │ " + strings.Repeat(" ", 156) + "^^^^\n"},
	} {
		var out bytes.Buffer
		v := view.New(view.Options{Stderr: &out})
		v.Sources(map[string][]byte{"a.hcl": []byte(tt.text)})
		at := diag.Range{Filename: "a.hcl", Start: diag.Pos{Line: 1, Column: tt.column}, End: diag.Pos{Line: 1, Column: tt.column + 4}}
		v.Diagnostics(diag.List{{Summary: "Wrong", Detail: "It is.", Range: &at}})
		want := fmt.Sprintf("Error: Wrong\n\n  on a.hcl:1,%d\n%s\n  It is.\n\n", tt.column, tt.want)
		if got := out.String(); got != want {
			t.Errorf("quoted\n%s\nwant\n%s", got, want)
		}
	}
}

// Printing the mistakes of a long file takes time in proportion to their number.
func TestManyDiagnostics(t *testing.T) {
	const lines, mistakes = 100_000, 1000
	v := view.New(view.Options{Stderr: io.Discard})
	v.Sources(map[string][]byte{"a.hcl": bytes.Repeat([]byte("x\n"), lines)})
	list := make(diag.List, mistakes)
	for i := range list {
		list[i] = diag.Diagnostic{Summary: "Wrong", Range: &diag.Range{Filename: "a.hcl", Start: diag.Pos{Line: i + 1, Column: 1}}}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	v.Diagnostics(list)
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 100*lines {
		t.Errorf("%d diagnostics of a file with %d lines allocate %d bytes", mistakes, lines, used)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestLost(t *testing.T) {
	for _, json := range []bool{false, true} {
		v := view.New(view.Options{Stdout: full{}, JSON: json})
		v.Text("a result")
		v.Show(view.Log{Text: "a result"})
		if v.Lost() == nil {
			t.Errorf("JSON %v: Lost() = nil after a failed write", json)
		}
	}
}

// What a server, a study or a program wrote does not control the terminal.
func TestTextDoesNotControlTheTerminal(t *testing.T) {
	const hostile = "503 \x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[8mhidden\u009b1A\x9b1A\b\x00\r\nnext\tline"
	const shown = "503 \uFFFD]0;title\uFFFD\uFFFD[2J\x1b[31mred\uFFFD[8mhidden\uFFFD1A\uFFFD1A\uFFFD\uFFFD\nnext\tline"
	for name, print := range map[string]func(v *view.View){
		"Note":  func(v *view.View) { v.Note("%s", hostile) },
		"Error": func(v *view.View) { v.Error(errors.New(hostile)) },
		"Log":   func(v *view.View) { v.Show(view.Log{Text: hostile + "\n"}) },
	} {
		var out bytes.Buffer
		print(view.New(view.Options{Stdout: &out, Stderr: &out, ColorResults: true}))
		if got := strings.TrimPrefix(out.String(), "Error: "); got != shown+"\n" {
			t.Errorf("%s prints %q, want %q", name, got, shown+"\n")
		}
	}
	var out bytes.Buffer
	view.New(view.Options{Stdout: &out}).Show(view.Log{Text: "a\x1b[2Jb\n"})
	if out.String() != "a\x1b[2Jb\n" {
		t.Errorf("a log that goes to no terminal is %q", out.String())
	}
}

// Boxes of a column are ordered by what they need, also where means differ by less
// than a pixel.
func TestSVGOrder(t *testing.T) {
	var stages []view.Stage
	var roots []string
	for i := range 61 {
		stages = append(stages, view.Stage{Address: fmt.Sprintf("root%d", i), Instances: 1})
		roots = append(roots, stages[i].Address)
	}
	stages = append(stages, view.Stage{Address: "lower", Instances: 1, Needs: slices.Concat(roots[:59], roots[60:])},
		view.Stage{Address: "upper", Instances: 1, Needs: roots[:60]})
	svg := view.SVG(stages)
	y := func(name string) (y int) {
		if found := regexp.MustCompile(`y="(\d+)">` + name + `</text>`).FindStringSubmatch(svg); found != nil {
			y, _ = strconv.Atoi(found[1])
		}
		return y
	}
	if y("upper") >= y("lower") {
		t.Errorf("upper is at %v, lower at %v", y("upper"), y("lower"))
	}
}

// What other programs read, and keys that are copied, are the same on any terminal.
func TestLinesForProgramsStayWhole(t *testing.T) {
	contrast := view.Contrast{Line: answer.Line{Kind: "gap", Name: strings.Repeat("a long name, ", 20)}}
	key := view.Keys{Public: "alice@lab+0a1b2c3d+" + strings.Repeat("x", 60)}
	for _, e := range []view.Event{contrast, key} {
		var want, got bytes.Buffer
		view.New(view.Options{Stdout: &want}).Show(e)
		view.New(view.Options{Stdout: &got, Columns: 40}).Show(e)
		if got.String() != want.String() {
			t.Errorf("in 40 columns, %T is\n%s", e, got.String())
		}
	}
}

// What users copy from a terminal is on one line: URLs, paths, commands and arguments.
func TestWhatIsCopiedStaysWhole(t *testing.T) {
	const (
		url      = "http://127.0.0.1:33301/?token=JQGPH4VT3RFSCAIFHZHXUFWWT7"
		argument = `    'train.lm.main["norm=derf.paper,optimizer=muon.paper,rule=a b,schedule=cosine,seed=42"]'`
		command  = "ablate report --chdir examples/coupling --var 'corpus=/home/me/all texts/text.txt' coupling --open"
	)
	log, err := filepath.Abs("logs/87/878571e6694739e75d96c80292d1560b0a2f0a6eff18756bf1ab991823defc09.log")
	if err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{10, 40, 80} {
		var out strings.Builder
		v := view.New(view.Options{Stdout: &out, Stderr: &out, Columns: width})
		v.Show(view.Page{URL: url})
		v.Note("  Log: %s", log)
		v.Note("  It cannot be read (\"%s2\"): no such file", log)
		v.Error(errors.New("\"main\" names 12 instances: choose one, for example\n\n" + argument))
		v.Note("Report: %s", command)
		v.Show(view.Number{Recompute: command})
		for _, want := range []string{url, log + "\n", log + "2", argument, "Report: " + command + "\n", "recompute  " + command + "\n"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%d columns break %s:\n%s", width, want, out.String())
			}
		}
	}
}
