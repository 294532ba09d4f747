package data

import (
	"embed"
	"io/fs"
	"maps"
	"path"
	"slices"

	"ablate/pipeline"
	"ablate/stages/internal/behaviour"
)

// What the readers of folders make is witnessed on files that trackers wrote, the ones
// of the tests. Databases are not among them: to read one takes a copy on disk, and a
// key must not depend on whether there is room for it. TestDatabasesFrozen has them.

//go:embed all:testdata/runs/config all:testdata/runs/hydra testdata/runs/lightning testdata/runs/mlruns
//go:embed testdata/runs/restarted testdata/runs/tensorboard testdata/runs/wandb
var writtenByTrackers embed.FS

// writtenRuns are runs of a format, and what a study asks of them.
type writtenRuns struct {
	folder   string // of testdata/runs
	response string
	factors  []string
}

// runsWritten lists canonical runs by format.
func runsWritten() map[string]writtenRuns {
	return map[string]writtenRuns{
		"hydra":       {"hydra", "val_loss", []string{"optimizer", "optimizer.lr"}},
		"lightning":   {"lightning", "val/loss", []string{"norm"}},
		"config":      {"config", "val_loss", []string{"norm"}},
		"mlflow":      {"mlruns", "val/loss", []string{"norm"}},
		"tensorboard": {"tensorboard", "val/loss", []string{"norm"}},
		"wandb":       {"wandb", "val/loss", []string{"norm"}},
	}
}

// readerSubjects is the code that reads folders, a subject for each format.
func readerSubjects() (out []behaviour.Subject) {
	for _, format := range slices.Sorted(maps.Keys(runsWritten())) {
		out = append(out, readerSubject(format))
	}
	return out
}

func readerSubject(format string) behaviour.Subject {
	w := runsWritten()[format]
	s := behaviour.Subject{Name: "data.results:" + format, Parts: []string{behaviourPart}, Scenes: []behaviour.Scene{
		{Name: "values", Play: func(to *behaviour.Witness) error { return w.play(to, format, false, nil) }},
		{Name: "curves", Play: func(to *behaviour.Witness) error { return w.play(to, format, true, nil) }},
	}}
	if format == "hydra" {
		s.Scenes = append(s.Scenes, behaviour.Scene{Name: "interpolated", Play: func(to *behaviour.Witness) error {
			return w.play(to, format, false, interpolatedRun)
		}})
	}
	if mark, readsEvents := eventMarks[format]; readsEvents {
		restarted := writtenRuns{"restarted", "val/loss", []string{"norm"}}
		more := make(map[string][]byte)
		if mark != "" {
			more["testdata/runs/restarted/rms-1/"+mark] = []byte("norm: rms\nseed: 1\n")
		}
		s.Scenes = append(s.Scenes, behaviour.Scene{Name: "restarted", Play: func(to *behaviour.Witness) error {
			return restarted.play(to, format, true, more)
		}})
	}
	return s
}

// interpolatedRun is a run whose configuration has interpolations.
var interpolatedRun = map[string][]byte{
	"testdata/runs/hydra/interpolated/" + hydraConfig:    []byte("seed: ${seeds.first}\nseeds: {first: 7}\nname: ada\noptimizer: {lr: '${.rates.slow}', rates: {slow: '${rate}'}}\nrate: 3e-5\n"),
	"testdata/runs/hydra/interpolated/" + hydraOverrides: []byte("- optimizer=${name}grad\n"),
	"testdata/runs/hydra/interpolated/metrics.csv":       []byte("step,val_loss\n1,2.5\n"),
}

// eventMarks are the configurations of runs in the formats that read event files.
var eventMarks = map[string]string{"hydra": hydraConfig, "lightning": lightningParameters, "config": "config.yaml", "tensorboard": ""}

func (w writtenRuns) play(to *behaviour.Witness, format string, curves bool, more map[string][]byte) error {
	files := make(map[string][]byte)
	if err := addWritten(path.Join("testdata/runs", w.folder), files); err != nil {
		return err
	}
	maps.Copy(files, more)
	spec := Results{
		Source: slices.Sorted(maps.Keys(files)), Format: format, Curves: curves,
		Factors: w.factors, Replicate: "seed", Responses: []string{w.response}, Outcome: outcomeColumn,
	}
	done, err := behaviour.NewLab(files).Run(pipeline.Inputs{}, spec.Run)
	if err != nil {
		return err
	}
	noteOutputs(to, done)
	return nil
}

// addWritten adds the files below a folder to files.
func addWritten(name string, files map[string][]byte) error {
	return fs.WalkDir(writtenByTrackers, name, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[name], err = writtenByTrackers.ReadFile(name)
		return err
	})
}
