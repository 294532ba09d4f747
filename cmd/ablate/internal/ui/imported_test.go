package ui_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/cmd/ablate/internal/ui"
	"ablate/hcl/addr"
	"ablate/stages/record"
)

// artifact stores what a function writes.
func (l *lab) artifact(write func(io.Writer) error) cache.Digest {
	l.t.Helper()
	w, err := l.store.Create(l.t.Context(), record.TrialsType)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := write(w); err != nil {
		l.t.Fatal(err)
	}
	digest, _, err := w.Commit()
	if err != nil {
		l.t.Fatal(err)
	}
	return digest
}

// imported stores six runs with curves: of two learning rates with two seeds, one that
// diverged and one that failed.
func (l *lab) imported() (trials, curves cache.Digest) {
	step := 3
	runs := []record.Run{
		{Levels: []string{"0.1"}, Replicate: "2"}, {Levels: []string{"0.1"}, Replicate: "1"}, {Levels: []string{"0.02"}, Replicate: "1"},
		{Levels: []string{"0.02"}, Replicate: "2"}, {Levels: []string{"9"}, Replicate: "1", Outcome: record.OutcomeDiverged},
		{Levels: []string{"9"}, Replicate: "2", Outcome: record.OutcomeFailed},
	}
	trials = l.artifact(func(w io.Writer) error {
		write, err := record.WriteTable(w, record.Table{Factors: []string{"lr"}, Replicate: "run no", Numbered: true, Responses: []string{"acc", "val"}})
		for _, r := range runs {
			if err == nil {
				err = write(r)
			}
		}
		return err
	})
	curves = l.artifact(func(w io.Writer) error {
		for i := range runs {
			for _, name := range []string{"acc", "val"} {
				c := record.Curve{Run: i + 1, Name: name, Steps: []int{0, 1, 2}, Values: []float64{9, 5, float64(i + 1)}}
				if runs[i].Outcome == record.OutcomeDiverged {
					c.Diverged = &step
				}
				if err := record.WriteCurve(w, c); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return trials, curves
}

// planImported plans a study whose trials are imported runs.
func (l *lab) planImported(ctx context.Context) (ui.Planned, error) {
	trials, curves := l.imported()
	p := ui.Planned{Name: "elsewhere", Dir: "/home/lab", Replicate: "seed"}
	list, note, err := ui.Imported(ctx, l.store, addr.Instance{Stage: addr.Stage{Block: "data", Type: "results", Name: "runs"}}, trials, curves)
	if note != "" {
		p.Notes = []string{note}
	}
	p.Instances = list
	return p, err
}

func TestImportedRuns(t *testing.T) {
	l := newLab(t)
	p, err := l.planImported(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range p.Instances {
		got = append(got, i.Address)
	}
	want := []string{
		`data.results.runs["lr=0.02,run no=1"]`, `data.results.runs["lr=0.02,run no=2"]`, `data.results.runs["lr=0.1,run no=1"]`,
		`data.results.runs["lr=0.1,run no=2"]`, `data.results.runs["lr=9,run no=1"]`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("Imported lists %q, want %q", got, want)
	}

	b := newBrowser(t)
	s, _ := l.serve(ui.Options{Plan: l.planImported})
	b.size(1280, "light")
	b.open(s.URL())
	b.wait(tiles + `.length === 5 && view.curves.size === 5 && ` + legend + `.length === 3`)
	b.wait(`document.getElementById("summary").textContent === "5 imported runs"`)
	b.wait(`view.metric === "acc" && [...document.querySelectorAll("#grid .mean")].map(x => x.textContent).join() === "mean 3.5,mean 1.5"`)
	b.wait(`document.querySelector(".tile").textContent === "run no 13✓ imported" && document.querySelector(".tile.diverged") !== null`)
	b.js(`document.querySelector(".tile").click()`)
	b.wait(`document.querySelector("#detail dl") !== null && !document.getElementById("detail").textContent.includes("Step")`)
	b.clean(strings.TrimPrefix(newClient(t, s).base, "http://"))
}

// Of a large table the page shows the first runs, and says so.
func TestManyImportedRuns(t *testing.T) {
	l := newLab(t)
	const runs = 2001
	trials := l.artifact(func(w io.Writer) error {
		write, err := record.WriteTable(w, record.Table{Factors: []string{"lr"}})
		for i := range runs {
			if err == nil {
				err = write(record.Run{Levels: []string{fmt.Sprint(i % 2)}})
			}
		}
		return err
	})
	list, note, err := ui.Imported(t.Context(), l.store, addr.Instance{Stage: addr.Stage{Block: "data", Type: "results", Name: "runs"}}, trials, cache.Digest{})
	if err != nil || len(list) != runs-1 || !strings.Contains(note, "first 2000") {
		t.Errorf("Imported = %d runs, %q, %v", len(list), note, err)
	}
}
