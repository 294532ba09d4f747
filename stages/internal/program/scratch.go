package program

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/pipeline"
)

// Names in the program's folder.
const (
	parametersFile = "parameters.json"
	metricsFile    = "metrics.jsonl"
	convertedFile  = ".converted.jsonl"
	copiedFile     = ".copied.jsonl"
	inputsFolder   = "inputs"
	outputsFolder  = "outputs"
	resumeFolder   = "resume"
	temporary      = "tmp"
)

// Scratch is the folder in which one program runs. It is locked while it exists.
type Scratch struct {
	Dir     string
	lock    *scratchLock
	metrics string // name of the file of metrics
}

// NewScratch makes an empty folder for an action. It first removes the folders of
// processes that were killed.
func NewScratch(key cache.Key) (Scratch, error) {
	removeAbandoned(os.TempDir())
	lock, dir, err := lockScratch(os.TempDir(), key.String()[:16])
	if err != nil {
		return Scratch{}, fmt.Errorf("making the program's folder: %w", err)
	}
	return Scratch{dir, lock, metricsFile}, nil
}

// Remove removes the folder, and then unlocks its name.
func (s Scratch) Remove() error { return errors.Join(os.RemoveAll(s.Dir), s.lock.remove()) }

// rowFiles lists the files that hold rows: what the program logs, and what this process
// makes of its output and of its files. Two writers of one file could overwrite each other.
func (s Scratch) rowFiles() []string { return []string{s.metrics, convertedFile, copiedFile} }

// copiedAt is the place of copiedFile in rowFiles.
const copiedAt = 2

func (s Scratch) path(names ...string) string {
	return filepath.Join(append([]string{s.Dir}, names...)...)
}

// makeScratch makes the folder with the declared files.
func makeScratch(spec Spec, env *pipeline.Env) (Scratch, error) {
	s, err := NewScratch(env.Key)
	if err != nil {
		return s, err
	}
	s.metrics = metricsName(spec.Metrics)
	if err := s.fill(spec, env); err != nil {
		return s, errors.Join(err, s.Remove())
	}
	return s, nil
}

// metricsName is the name of the file of metrics. A program that says where it writes
// them may write a file of the usual name itself.
func metricsName(m *Metrics) string {
	if m != nil {
		return "." + metricsFile
	}
	return metricsFile
}

func (s Scratch) fill(spec Spec, env *pipeline.Env) error {
	for _, folder := range []string{outputsFolder, resumeFolder, temporary} {
		if err := os.Mkdir(s.path(folder), 0o700); err != nil {
			return fmt.Errorf("making the program's folder: %w", err)
		}
	}
	raw, err := parameters(spec.Parameters)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.path(parametersFile), raw, 0o600); err != nil {
		return fmt.Errorf("writing the parameters: %w", err)
	}
	files, _, err := spec.files(env.Inputs)
	if err != nil {
		return err
	}
	for _, f := range files {
		r, err := env.Inputs.Sources.Open(f.path)
		if err == nil {
			err = CopyTo(s.path(filepath.FromSlash(f.name)), r)
		}
		if err != nil {
			return fmt.Errorf("copying %s: %w", f.name, err)
		}
	}
	return s.copyInputs(env)
}

// copyInputs copies the inputs' artifacts into one folder per input, named by
// number: names of stages do not enter keys, so a program must not see them.
func (s Scratch) copyInputs(env *pipeline.Env) error {
	for i, in := range env.Inputs.Refs["inputs"] {
		for _, a := range in.Artifacts {
			r, err := env.Open(a.Digest)
			if err == nil {
				err = CopyTo(s.path(inputsFolder, strconv.Itoa(i), a.Name), r)
			}
			if err != nil {
				return fmt.Errorf("copying %s of %s: %w", a.Name, in.Address, err)
			}
		}
	}
	return nil
}

// CopyTo writes a stream, which it closes, to a file and makes the folders above
// it. The file is executable, since it may be a script.
func CopyTo(name string, r io.ReadCloser) error {
	defer r.Close()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	w, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, w.Close())
}

// parameters is the document that a program reads: numbers as the study writes
// them, strings and bools.
func parameters(levels map[string]addr.Level) ([]byte, error) {
	doc := make(map[string]any, len(levels))
	for name, l := range levels {
		switch l.Kind {
		case "number":
			doc[name] = json.Number(l.Text)
		case "bool":
			doc[name] = l.Text == "true"
		default:
			doc[name] = l.Text
		}
	}
	raw, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the parameters: %w", err)
	}
	return append(raw, '\n'), nil
}

// jsonValue is a value for the key of a checkpoint.
func jsonValue(doc any) (cache.Value, error) {
	raw, err := json.Marshal(doc)
	if err != nil {
		return cache.Value{}, fmt.Errorf("encoding a spec: %w", err)
	}
	return cache.String(string(raw)), nil
}
