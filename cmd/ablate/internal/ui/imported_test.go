package ui_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/cmd/ablate/internal/ui"
	"ablate/hcl/addr"
	"ablate/stages/record"

	"github.com/klauspost/compress/zstd"
)

var runsAddress = addr.Instance{Stage: addr.Stage{Block: "data", Type: "results", Name: "runs"}}

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
	var err error
	p.Instances, p.Notes, err = ui.Imported(ctx, l.store, runsAddress, trials, curves)
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
	b.wait(`document.querySelector(".tile").textContent === "run no 13.0✓ imported" && document.querySelector(".tile.diverged") !== null`)
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
	curves := l.artifact(func(io.Writer) error { return nil })
	list, notes, err := ui.Imported(t.Context(), l.store, runsAddress, trials, curves)
	if err != nil || len(list) != runs-1 || len(notes) != 1 || !strings.Contains(notes[0], "first 2000") {
		t.Errorf("Imported = %d runs, %q, %v", len(list), notes, err)
	}
}

// followed is the study at hand with its curves, as a terminal shows it first.
func (l *lab) followed(plan func(context.Context) (ui.Planned, error)) (shot ui.Snapshot) {
	l.t.Helper()
	err := ui.Follow(l.t.Context(), ui.Options{Store: l.store, Plan: plan}, func(s ui.Snapshot) bool {
		shot = s
		return false
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return shot
}

// An imported run that diverged is shown so, also where it has no value of the metric.
func TestImportedRunDivergedBeforeTheMetric(t *testing.T) {
	l := newLab(t)
	trials := l.artifact(func(w io.Writer) error {
		write, err := record.WriteTable(w, record.Table{Factors: []string{"lr"}})
		return errors.Join(err, write(record.Run{Levels: []string{"1"}}), write(record.Run{Levels: []string{"1"}, Outcome: record.OutcomeDiverged}),
			write(record.Run{Levels: []string{"2"}, Outcome: record.OutcomeDiverged}))
	})
	curves := l.artifact(func(w io.Writer) error {
		return errors.Join(record.WriteCurve(w, record.Curve{Run: 1, Name: "val_loss", Steps: []int{5}, Values: []float64{1}}),
			record.WriteCurve(w, record.Curve{Run: 2, Name: "acc", Steps: []int{0, 3}, Values: []float64{1, 2}}))
	})
	shot := l.followed(func(ctx context.Context) (p ui.Planned, err error) {
		p = ui.Planned{Name: "elsewhere", Dir: "/home/lab"}
		p.Instances, p.Notes, err = ui.Imported(ctx, l.store, runsAddress, trials, curves)
		return p, err
	})
	var got []string
	for _, c := range shot.Curves.Curves {
		at := "finite"
		if c.Diverged != nil {
			at = fmt.Sprint(*c.Diverged)
		}
		got = append(got, at)
	}
	if want := []string{"finite", "3", "0"}; shot.Curves.Metric != "val_loss" || !slices.Equal(got, want) {
		t.Errorf("the trials diverged at %q of %s, want %q of val_loss", got, shot.Curves.Metric, want)
	}
}

// Without the curves of imported runs, those of the trials are shown.
func TestImportedCurvesLost(t *testing.T) {
	const large = 17 << 20 // is parsed before its digest is known
	var junk bytes.Buffer
	z, err := zstd.NewWriter(&junk)
	if err == nil {
		_, err = z.Write(bytes.Repeat([]byte("x"), large))
		err = errors.Join(err, z.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	damage := func(text []byte) func(string) error {
		return func(path string) error { return errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, text, 0o600)) }
	}
	for name, lose := range map[string]func(path string) error{
		"missing": os.Remove, "damaged": damage([]byte("{")), "large and damaged": damage(junk.Bytes()),
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.begin()
			l.finish(trial("rms", 1), 3, 2)
			trials, curves := l.imported()
			found, err := filepath.Glob(filepath.Join(filepath.Dir(l.store.RunDir()), "blobs", "*", "*", curves.Hex()+"*"))
			if err != nil || len(found) != 1 {
				t.Fatalf("the blob of the curves is at %q, %v", found, err)
			}
			if err := lose(found[0]); err != nil {
				t.Fatal(err)
			}
			plan := func(ctx context.Context) (ui.Planned, error) {
				p, err := l.plan(ctx)
				if err != nil {
					return p, err
				}
				list, notes, err := ui.Imported(ctx, l.store, runsAddress, trials, curves)
				p.Instances, p.Notes = append(p.Instances, list...), notes
				return p, err
			}
			if shot := l.followed(plan); len(shot.Curves.Curves) != 2 { // and one that diverged by its table
				t.Errorf("the curves are %+v", shot.Curves.Curves)
			}
			if shot := l.followed(plan); len(shot.Study.Notes) != 1 || !strings.Contains(shot.Study.Notes[0], "no longer in the store") {
				t.Errorf("the notes are %q", shot.Study.Notes)
			}
		})
	}
}
