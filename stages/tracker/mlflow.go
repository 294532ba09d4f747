package tracker

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Files and folders of MLflow's file store.
const (
	mlflowMeta    = "meta.yaml"
	mlflowParams  = "params"
	mlflowMetrics = "metrics"
	mlflowTags    = "tags"
)

// studyTag marks an experiment that ablate wrote.
const studyTag = "ablate.study"

// maxParameter is the longest value of a parameter in MLflow.
const maxParameter = 6000

// mlflowExperiment describes an experiment.
type mlflowExperiment struct {
	ArtifactLocation string `yaml:"artifact_location"`
	CreationTime     int64  `yaml:"creation_time"`
	ExperimentID     string `yaml:"experiment_id"`
	LastUpdateTime   int64  `yaml:"last_update_time"`
	LifecycleStage   string `yaml:"lifecycle_stage"`
	Name             string `yaml:"name"`
}

// mlflowRun describes a run.
type mlflowRun struct {
	ArtifactURI    string   `yaml:"artifact_uri"`
	EndTime        int64    `yaml:"end_time"`
	EntryPointName string   `yaml:"entry_point_name"`
	ExperimentID   string   `yaml:"experiment_id"`
	LifecycleStage string   `yaml:"lifecycle_stage"`
	RunID          string   `yaml:"run_id"`
	RunName        string   `yaml:"run_name"`
	SourceName     string   `yaml:"source_name"`
	SourceType     int      `yaml:"source_type"`
	SourceVersion  string   `yaml:"source_version"`
	StartTime      int64    `yaml:"start_time"`
	Status         int      `yaml:"status"`
	Tags           []string `yaml:"tags"`
	UserID         string   `yaml:"user_id"`
}

// The states and the type of a run by MLflow's numbers.
const (
	mlflowFinished = 3
	mlflowFailed   = 4
	mlflowLocal    = 4
)

// mlflowWriter writes the experiment of a study: to a folder beside its place at first,
// so that an error leaves an older one as it is.
type mlflowWriter struct {
	id         string
	place      string            // of the experiment
	folder     string            // where it is written
	parameters map[string]string // by name, those that MLflow calls otherwise
	metrics    map[string]string // likewise
	first      int64             // the earliest start, and the latest end, in milliseconds
	last       int64
}

func (r Runs) writeMLflow(dir string) (written int, renamed map[string]string, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return 0, nil, err
	}
	sum := sha256.Sum256([]byte(studyTag + "\x00" + r.Study))
	w := &mlflowWriter{id: fmt.Sprintf("%018d", binary.BigEndian.Uint64(sum[:])%1e18)}
	w.place = filepath.Join(dir, w.id)
	if w.parameters, err = mlflowNames(r.Parameters); err != nil {
		return 0, nil, err
	}
	if w.metrics, err = mlflowNames(r.Metrics); err != nil {
		return 0, nil, err
	}
	if err := checkExperiments(dir, w.id, r.Study); err != nil {
		return 0, nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, nil, err
	}
	if w.folder, err = os.MkdirTemp(dir, ".ablate-"); err != nil {
		return 0, nil, err
	}
	defer os.RemoveAll(w.folder) // after the rename there is none
	for run, err := range r.Each {
		if err == nil {
			err = w.run(written, run)
		}
		if err != nil {
			return written, nil, err
		}
		written++
	}
	renamed = maps.Clone(w.parameters)
	maps.Copy(renamed, w.metrics)
	return written, renamed, w.finish(r.Study)
}

// checkExperiments refuses a folder in which another experiment has the name or the
// place of the study's.
func checkExperiments(dir, id, study string) error {
	found, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, d := range found {
		raw, err := os.ReadFile(filepath.Join(dir, d.Name(), mlflowMeta))
		if err != nil {
			continue // no experiment
		}
		tag, _ := os.ReadFile(filepath.Join(dir, d.Name(), mlflowTags, studyTag))
		var meta mlflowExperiment
		if yaml.Unmarshal(raw, &meta) == nil && (meta.Name == study || d.Name() == id) && (string(tag) != study || d.Name() != id) {
			return fmt.Errorf("%s has an experiment named %q that ablate did not write: rename it, or name another folder with --to", dir, meta.Name)
		}
	}
	return nil
}

// run writes the run with the number n. Runs are read in the order of their identifiers,
// so these begin with the number: the first run decides which level is the baseline.
func (w *mlflowWriter) run(n int, run Run) error {
	id := fmt.Sprintf("%08x%.12x", n, sha256.Sum256([]byte(run.ID)))
	start, end := run.Started.UnixMilli(), run.Finished.UnixMilli()
	meta := mlflowRun{
		ArtifactURI: fileURI(filepath.Join(w.place, id, "artifacts")), StartTime: start, EndTime: end, ExperimentID: w.id,
		LifecycleStage: "active", RunID: id, RunName: cmp.Or(run.Name, run.Stage), SourceType: mlflowLocal, Status: mlflowFinished, Tags: []string{}, UserID: "ablate",
	}
	if run.Failed {
		meta.Status = mlflowFailed
	}
	if w.first == 0 || start < w.first {
		w.first = start
	}
	w.last = max(w.last, end)
	folder := filepath.Join(w.folder, id)
	if err := os.MkdirAll(filepath.Join(folder, "artifacts"), 0o755); err != nil {
		return err
	}
	tags := maps.Clone(run.Tags)
	tags["mlflow.runName"], tags["mlflow.source.name"], tags["mlflow.source.type"] = meta.RunName, "ablate", "LOCAL"
	for _, name := range slices.Sorted(maps.Keys(run.Parameters)) {
		if len(run.Parameters[name]) > maxParameter {
			return fmt.Errorf("%s: the level of %s is longer than %d bytes, which is MLflow's limit of a parameter", run.ID, name, maxParameter)
		}
	}
	return errors.Join(writeTexts(filepath.Join(folder, mlflowParams), run.Parameters, w.parameters), writeTexts(filepath.Join(folder, mlflowTags), tags, nil),
		writeTexts(filepath.Join(folder, mlflowMetrics), histories(run), w.metrics), writeYAML(folder, meta))
}

// writeTexts writes a file for each text.
func writeTexts(folder string, texts, renamed map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if err := writeFile(filepath.Join(folder, filepath.FromSlash(cmp.Or(renamed[name], name))), texts[name]); err != nil {
			return err
		}
	}
	return nil
}

// histories are the values of each metric: lines of the time, the value and the step.
func histories(run Run) map[string]string {
	lines := make(map[string]*strings.Builder)
	at := strconv.FormatInt(run.Finished.UnixMilli(), 10)
	for _, v := range run.Values {
		if lines[v.Metric] == nil {
			lines[v.Metric] = &strings.Builder{}
		}
		lines[v.Metric].WriteString(at + " " + pythonFloat(v.Number) + " " + strconv.Itoa(v.Step) + "\n")
	}
	out := make(map[string]string)
	for name, text := range lines {
		out[name] = text.String()
	}
	return out
}

// pythonFloat is a number in a spelling that Python reads, with all its digits.
func pythonFloat(f float64) string {
	return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(f, 'g', -1, 64), "+"))
}

// finish describes the experiment and moves it to its place.
func (w *mlflowWriter) finish(study string) error {
	meta := mlflowExperiment{fileURI(w.place), w.first, w.id, w.last, "active", study}
	err := errors.Join(writeFile(filepath.Join(w.folder, mlflowTags, studyTag), study), writeYAML(w.folder, meta), os.Chmod(w.folder, 0o755))
	if err == nil {
		err = os.RemoveAll(w.place)
	}
	if err == nil {
		err = os.Rename(w.folder, w.place)
	}
	return err
}

func writeYAML(folder string, document any) error {
	raw, err := yaml.Marshal(document)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(folder, mlflowMeta), string(raw))
}

func writeFile(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644) // meant for others to read
}

// fileURI is the address of an absolute path.
func fileURI(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}
