package view_test

import (
	"bytes"
	"strings"
	"testing"

	"ablate/cmd/ablate/internal/view"
	"ablate/pipeline"
	"ablate/pipeline/planner"
	"ablate/pipeline/run"
)

func show(json bool, events ...view.Event) (stdout, stderr string) {
	var out, errs bytes.Buffer
	v := view.New(view.Options{Stdout: &out, Stderr: &errs, JSON: json})
	for _, e := range events {
		v.Show(e)
	}
	return out.String(), errs.String()
}

func TestShow(t *testing.T) {
	for _, tt := range []struct {
		event                view.Event
		json, stdout, stderr string
	}{
		{
			event:  view.Valid{Study: "s", Instances: 2},
			json:   `{"type":"valid","study":"s","instances":2}`,
			stdout: "The study s is valid: 2 instances.\n",
		},
		{
			event:  view.Pulls{Instances: 1, Seconds: 2, ComputingTook: 62},
			json:   `{"type":"pulls","instances":1,"seconds":2,"computing_took":62}`,
			stderr: "Pulling 1 instance took 2.0 s; computing it took 1 m 02 s. The remote saved 1 m 00 s.\n",
		},
		{
			event:  view.Explanation{Address: "a.b.c", Action: planner.Run, Reason: "<new>"},
			json:   `{"type":"explanation","address":"a.b.c","action":"run","reason":"<new>","changes":[]}`,
			stdout: "a.b.c\n  run: <new>\n",
		},
		{
			event:  view.Saved{Trials: 2, Seconds: 90, Estimated: true},
			json:   `{"type":"saved","trials":2,"seconds":90,"estimated":true}`,
			stdout: "The cache saves 2 trials, about 1 m 30 s of training.\n",
		},
		{
			event:  view.Exported{File: "a.csv", Rows: new(0), Noun: "row"},
			json:   `{"type":"exported","file":"a.csv","rows":0}`,
			stderr: "a.csv: 0 rows.\n",
		},
		{
			event:  view.Exported{File: "a.svg"},
			json:   `{"type":"exported","file":"a.svg"}`,
			stdout: "a.svg\n",
		},
		{
			event:  view.Status{Address: "a.b.c", Block: "a", State: "running", Step: new(0), Steps: new(10)},
			json:   `{"type":"status","address":"a.b.c","block":"a","state":"running","step":0,"steps":10}`,
			stdout: "  running  a.b.c\n           step 0 of 10\n",
		},
		{
			event: view.Moved{Verb: "pushed", Address: "a.b.c"}, // nothing to say to people
			json:  `{"type":"pushed","address":"a.b.c","key":"` + strings.Repeat("0", 64) + `","blobs":0,"bytes":0}`,
		},
	} {
		stdout, stderr := show(false, tt.event)
		if stdout != tt.stdout || stderr != tt.stderr {
			t.Errorf("%T prints %q and %q, want %q and %q", tt.event, stdout, stderr, tt.stdout, tt.stderr)
		}
		stdout, stderr = show(true, tt.event)
		want := `{"type":"version","ui":"` + view.SchemaVersion + "\"}\n" + tt.json + "\n"
		if stdout != want || stderr != "" {
			t.Errorf("%T prints %q and %q, want %q", tt.event, stdout, stderr, want)
		}
	}
}

// A report at step 0 says so; events without steps or a duration have none.
func TestStageEvents(t *testing.T) {
	var out bytes.Buffer
	p := view.New(view.Options{Stdout: &out, Stderr: &out, JSON: true}).NewProgress("none", 1, nil)
	p.Observe(run.Event{Type: run.StageStart, Block: "train"})
	p.Observe(run.Event{Type: run.StageProgress, Block: "train", Progress: pipeline.Progress{Steps: 10}})
	p.Observe(run.Event{Type: run.StageDone, Block: "train"})
	_, got, _ := strings.Cut(out.String(), "\n")
	want := `{"type":"stage_start","address":"..","block":"train"}
{"type":"stage_progress","address":"..","block":"train","step":0,"steps":10}
{"type":"stage_done","address":"..","block":"train","seconds":0}
`
	if got != want {
		t.Errorf("the events are\n%s\nwant\n%s", got, want)
	}
}

func TestVersionLineComesOnce(t *testing.T) {
	got, _ := show(true, view.Formatted{File: "a"}, view.Formatted{File: "b"})
	if n := strings.Count(got, `"type":"version"`); n != 1 {
		t.Errorf("%d version lines in %s", n, got)
	}
}

// The command of a new study can be pasted, whatever its folder.
func TestCreatedQuotes(t *testing.T) {
	got, _ := show(false, view.Created{Folder: "a; b"})
	if !strings.Contains(got, "--chdir 'a; b' --var") {
		t.Error(got)
	}
}
