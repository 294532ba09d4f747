package data

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/stages/internal/behaviour"
)

// What the readers of trackers' files make is witnessed on files that the trackers
// wrote, the ones of the tests.

//go:embed all:testdata/runs/config all:testdata/runs/hydra testdata/runs/lightning testdata/runs/mlruns
//go:embed testdata/runs/tensorboard testdata/runs/wandb testdata/runs/*.db.gz
var writtenByTrackers embed.FS

// writtenRuns are the files of a format, and what a study asks of them.
type writtenRuns struct {
	format string
	files  []string // files and folders of testdata/runs
	spec   Results
}

// databases is the name of the subject for all kinds of databases: which one a file
// is shows only once it is open.
const databases = "databases"

// runsWritten lists canonical runs by the subject that they belong to.
func runsWritten() map[string][]writtenRuns {
	of := func(response string, factors ...string) Results {
		return Results{Factors: factors, Replicate: "seed", Responses: []string{response}, Outcome: outcomeColumn}
	}
	norms := of("value", "norm")
	norms.Where = map[string]addr.Level{"study_name": {Kind: "string", Text: "norms"}}
	return map[string][]writtenRuns{
		"hydra":       {{"hydra", []string{"hydra"}, of("val_loss", "optimizer", "optimizer.lr")}},
		"lightning":   {{"lightning", []string{"lightning"}, of("val/loss", "norm")}},
		"config":      {{"config", []string{"config"}, of("val_loss", "norm")}},
		"mlflow":      {{"mlflow", []string{"mlruns"}, of("val/loss", "norm")}},
		"tensorboard": {{"tensorboard", []string{"tensorboard"}, of("val/loss", "norm")}},
		"wandb":       {{"wandb", []string{"wandb"}, of("val/loss", "norm")}},
		databases: {
			{"mlflow", []string{"mlflow.db.gz"}, of("val/loss", "norm")},
			{"optuna", []string{"optuna.db.gz"}, norms},
			{"trackio", []string{"trackio.db.gz"}, of("val/loss", "norm")},
		},
	}
}

// readerSubjects is the code that reads runs of trackers, a subject for each name of
// runsWritten.
func readerSubjects() (out []behaviour.Subject) {
	written := runsWritten()
	for _, name := range slices.Sorted(maps.Keys(written)) {
		out = append(out, readerSubject(name))
	}
	return out
}

func readerSubject(name string) behaviour.Subject {
	s := behaviour.Subject{Name: "data.results:" + name, Parts: []string{behaviourPart}}
	for _, w := range runsWritten()[name] {
		s.Scenes = append(s.Scenes,
			behaviour.Scene{Name: w.format, Play: func(to *behaviour.Witness) error { return w.play(to, false) }},
			behaviour.Scene{Name: w.format + "-curves", Play: func(to *behaviour.Witness) error { return w.play(to, true) }})
	}
	return s
}

// reader is the subject of what reads the runs that were found.
func (f foundRuns) reader() behaviour.Subject {
	if f.format != nil {
		return readerSubject(f.format.name)
	}
	return readerSubject(databases)
}

func (w writtenRuns) play(to *behaviour.Witness, curves bool) error {
	files := make(map[string][]byte)
	for _, name := range w.files {
		if err := unpackWritten(path.Join("testdata/runs", name), files); err != nil {
			return err
		}
	}
	spec := w.spec
	spec.Source, spec.Format, spec.Curves = slices.Sorted(maps.Keys(files)), w.format, curves
	done, err := behaviour.NewLab(files).Run(pipeline.Inputs{}, spec.Run)
	if err != nil {
		return err
	}
	noteOutputs(to, done)
	return nil
}

// unpackWritten adds the files below a name to files.
func unpackWritten(name string, files map[string][]byte) error {
	return fs.WalkDir(writtenByTrackers, name, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := writtenByTrackers.ReadFile(name)
		if err != nil {
			return err
		}
		packed := strings.TrimSuffix(name, ".gz")
		if packed != name {
			if raw, err = gunzip(raw); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		files[packed] = raw
		return nil
	})
}

func gunzip(raw []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
