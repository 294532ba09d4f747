package data

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ablate/hcl/addr"
	"ablate/stages/internal/tfevents"
	"ablate/stages/record"
)

// readFolders runs data "results" in a folder.
func readFolders(t *testing.T, dir string, r *Results) (map[string]record.Run, string, error) {
	t.Helper()
	if r.Outcome == "" {
		r.Outcome = outcomeColumn
	}
	r.Resolve()
	if list := r.Validate(); list.Err() != nil {
		t.Fatal(list.Err())
	}
	out, err := runText(t, dir, r)
	if err != nil {
		return nil, out.warned(), err
	}
	_, runs, err := record.ReadTable(out[record.Trials])
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]record.Run)
	for run, err := range runs {
		if err != nil {
			t.Fatal(err)
		}
		all[strings.Join(append(run.Levels, run.Replicate), " ")] = run
	}
	return all, out.warned(), nil
}

// golden reads what the tools' own readers say about runs of testdata.
func golden(t *testing.T, file string) map[string][]map[string]any {
	t.Helper()
	text, err := os.ReadFile("testdata/runs/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string][]map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// What real tools wrote is read as their own readers read it, with and without the
// name of the format.
func TestRunsOfTools(t *testing.T) {
	testdata, err := filepath.Abs("testdata/runs")
	if err != nil {
		t.Fatal(err)
	}
	tools, trackers := golden(t, "golden.json"), golden(t, "trackers.json")
	norm := []string{"norm"}
	norms := map[string]addr.Level{"study_name": {Kind: "string", Text: "norms"}}
	for _, c := range []struct {
		format, source string
		want           []map[string]any
		factors        []string
		response       string
		where          map[string]addr.Level
		warned         string
	}{
		{"hydra", "hydra", tools["hydra"], []string{"optimizer", "optimizer.lr"}, "val_loss", nil, "left out 2 of 6 runs: no metrics\n"},
		{"lightning", "lightning", tools["lightning"], norm, "val/loss", nil, ""},
		{"config", "config", tools["config"], norm, "val_loss", nil, ""},
		{"mlflow", "mlruns", tools["mlflow"], norm, "val/loss", nil, "left out 1 of 6 runs: failed\nleft out 1 of 6 runs: still running\n"},
		{"tensorboard", "tensorboard", tools["tensorboard"], norm, "val/loss", nil, ""},
		{"mlflow", "mlflow.db.gz", trackers["mlflow"], norm, "val/loss", nil,
			"left out 1 of 8 runs: failed\nleft out 1 of 8 runs: killed\nleft out 1 of 8 runs: still running\n"},
		{"optuna", "optuna.db.gz", trackers["optuna"], norm, "value", norms,
			"left out 1 of 11 runs: failed\nleft out 1 of 11 runs: not started\nleft out 1 of 11 runs: pruned\nleft out 1 of 11 runs: still running\nwhere leaves out 3 of 11 runs\n"},
		{"trackio", "trackio.db.gz", trackers["trackio"], norm, "val/loss", nil, ""},
		{"wandb", "wandb", trackers["wandb"], norm, "val/loss", nil, "left out 1 of 5 runs: crashed\n"},
	} {
		for _, format := range []string{c.format, autoFormat} {
			r := &Results{Source: []string{c.source}, Factors: c.factors, Replicate: "seed", Responses: []string{c.response}, Format: format, Where: c.where}
			runs, warned, err := readFolders(t, testdata, r)
			if err != nil || warned != c.warned || len(runs) != len(c.want) {
				t.Errorf("%s: %v, %d runs, want %d; warned %q", c.source, err, len(runs), len(c.want), warned)
			}
			for _, w := range c.want {
				compareRun(t, c.source, runs, w, c.factors, c.response)
			}
			if c.want[0]["curve"] != nil {
				compareCurves(t, testdata, *r, c.want)
			}
		}
	}
}

// compareRun finds the run that a tool's reader describes.
func compareRun(t *testing.T, source string, runs map[string]record.Run, want map[string]any, factors []string, response string) {
	t.Helper()
	var id []string
	for _, f := range append(factors[:len(factors):len(factors)], "seed") {
		name := f[strings.LastIndex(f, ".")+1:]
		id = append(id, fmt.Sprint(want[name]))
	}
	run, ok := runs[strings.Join(id, " ")]
	value, finite := run.Values[response]
	wanted := fmt.Sprint(want[response])
	ended := completed(want)
	lost := slices.Contains([]string{"<nil>", "nan", "inf", "1.7976931348623157e+308"}, wanted) || !ended
	if !ok || finite == lost || finite && fmt.Sprint(value) != wanted || want[response] != nil && ended != (run.Outcome == record.OutcomeFinished) {
		t.Errorf("%s: the run %v is %v, want %v", source, id, run, want)
	}
}

// completed reports whether a run came to its end, by what its tool's reader says.
func completed(run map[string]any) bool {
	return (run["exit"] == nil || run["exit"] == 0.0) && slices.Contains([]any{nil, "FINISHED", "COMPLETE"}, run["status"])
}

// where compares levels: numbers by value, texts to the letter.
func TestWhere(t *testing.T) {
	files := map[string]string{
		"a/config.json": `{"norm":"rms","seed":1,"lr":1e-1}`, "a/metrics.jsonl": `{"step":1,"loss":2}`,
		"b/config.yaml": "norm: rms\nseed: 2\nlr: 0.2", "b/metrics.csv": "step,loss\n2,1\n1,9\n",
	}
	r := byNorm()
	r.Source, r.Where = []string{"."}, map[string]addr.Level{"lr": {Kind: "number", Text: "0.1"}}
	runs, warned, err := readFolders(t, folder(t, files), r)
	if diff := cmp.Diff(map[string]record.Run{"rms 1": finished("rms", "1", 2)}, runs); err != nil || diff != "" || warned != "where leaves out 1 of 2 runs\n" {
		t.Errorf("%v, warned %q (-want +got):\n%s", err, warned, diff)
	}
	for column, want := range map[string]string{"lr": `None of the 2 runs has the values of where. lr is "7" in none of them, but "0.1" or "0.2".`, "rate": `where names the column "rate", and there is none; the columns are loss, lr, norm, run, seed`} {
		r.Where = map[string]addr.Level{column: {Kind: "number", Text: "7"}}
		if _, _, err := readFolders(t, folder(t, files), r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("where %s: %v, want %q", column, err, want)
		}
	}
}

// where leaves out runs that lack the column, unless their files cannot be read.
func TestWhereSomeRunsLack(t *testing.T) {
	files := map[string]string{
		"a/config.yaml": "norm: rms\nseed: 1\nsweep: new", "a/metrics.csv": "step,loss\n1,2\n",
		"b/config.yaml": "norm: rms\nseed: 1", "b/metrics.csv": "step,loss\n1,3\n",
	}
	r := byNorm()
	r.Source, r.Where = []string{"."}, map[string]addr.Level{"sweep": {Kind: "string", Text: "new"}}
	runs, warned, err := readFolders(t, folder(t, files), r)
	if diff := cmp.Diff(map[string]record.Run{"rms 1": finished("rms", "1", 2)}, runs); err != nil || diff != "" || warned != "where leaves out 1 of 2 runs\n" {
		t.Errorf("%v, warned %q (-want +got):\n%s", err, warned, diff)
	}
	files["b/config.yaml"] = "norm: ["
	if _, _, err := readFolders(t, folder(t, files), r); err == nil || !strings.Contains(err.Error(), "b: config.yaml: yaml:") {
		t.Errorf("a configuration that cannot be read: %v", err)
	}
}

// A finished run of MLflow that logged no metric, as the parent of a sweep, is left out;
// one that logged others is not.
func TestRunsWithoutMetrics(t *testing.T) {
	run := func(id string) string { return "run_id: " + id + "\nstatus: 3\nlifecycle_stage: active\n" }
	files := map[string]string{
		"0/a/meta.yaml": run("a"), "0/a/params/norm": "rms", "0/a/params/seed": "1", "0/a/metrics/loss": "1 2 1\n", "0/a/tags/end": "finished", "0/b/meta.yaml": run("b"),
	}
	tables := `CREATE TABLE experiments (experiment_id, name, lifecycle_stage); CREATE TABLE runs (run_uuid, name, status, lifecycle_stage, experiment_id);
		CREATE TABLE params (run_uuid, key, value); CREATE TABLE tags (run_uuid, key, value); CREATE TABLE metrics (run_uuid, key, value, step, timestamp, is_nan);
		CREATE TABLE latest_metrics (run_uuid, key, value, step, is_nan);
		INSERT INTO runs VALUES ('a', '', 'FINISHED', 'active', 1), ('b', '', 'FINISHED', 'active', 1);
		INSERT INTO params VALUES ('a', 'norm', 'rms'), ('a', 'seed', '1'); INSERT INTO tags VALUES ('a', 'end', 'finished'); INSERT INTO latest_metrics VALUES ('a', 'loss', 2.0, 1, 0)`
	database, db := database(t, tables)
	for _, dir := range []string{folder(t, files), database} {
		for _, outcome := range []string{outcomeColumn, "status", "tags.end"} {
			r := byNorm()
			r.Source, r.Outcome = []string{"."}, outcome
			runs, warned, err := readFolders(t, dir, r)
			if diff := cmp.Diff(map[string]record.Run{"rms 1": finished("rms", "1", 2)}, runs); err != nil || diff != "" || warned != "left out 1 of 2 runs: no metrics\n" {
				t.Errorf("outcome %s: %v, warned %q (-want +got):\n%s", outcome, err, warned, diff)
			}
		}
	}
	if _, err := db.Exec("INSERT INTO latest_metrics VALUES ('b', 'accuracy', 1.0, 1, 0)"); err != nil {
		t.Fatal(err)
	}
	r := fromDatabase()
	if _, _, err := readFolders(t, database, r); err == nil || !strings.Contains(err.Error(), `runs.db:b: it has no "norm", which other runs have`) {
		t.Errorf("another metric: %v", err)
	}
}

// where also leaves out a run that cannot be read.
func TestWhereLeavesOutBrokenRuns(t *testing.T) {
	for name, broken := range map[string]string{"a step for curves": "step,loss\n0.5,2\n", "a field": "step,loss\nx,2\n"} {
		r := byNorm()
		r.Source, r.Curves, r.Where = []string{"."}, true, map[string]addr.Level{"seed": {Kind: "number", Text: "1"}}
		runs, warned, err := readFolders(t, folder(t, map[string]string{
			"a/config.yaml": "norm: rms\nseed: 1", "a/metrics.csv": "step,loss\n1,2\n", "b/config.yaml": "norm: rms\nseed: 2", "b/metrics.csv": broken,
		}), r)
		if err != nil || len(runs) != 1 || warned != "where leaves out 1 of 2 runs\n" {
			t.Errorf("%s: %v, warned %q: %v", name, err, warned, runs)
		}
	}
}

// A response is the metric of that name, not the parameter.
func TestMetricNamedAsParameter(t *testing.T) {
	r := byNorm()
	r.Source = []string{"."}
	runs, _, err := readFolders(t, folder(t, map[string]string{"a/config.yaml": "norm: rms\nseed: 1\nloss: 9", "a/metrics.csv": "step,loss\n1,3\n"}), r)
	if err != nil || runs["rms 1"].Values["loss"] != 3 {
		t.Errorf("%v, %v", err, runs)
	}
}

// A file that source names, and that is not part of a run, is refused.
func TestUnusedSources(t *testing.T) {
	for _, name := range []string{"table.csv", "runs.db", "a/notes.txt"} {
		r := byNorm()
		r.Source = []string{"a", name}
		_, _, err := readFolders(t, folder(t, map[string]string{"a/config.yaml": "norm: rms\nseed: 1", "a/metrics.csv": "step,loss\n1,2\n", name: "norm,seed,loss\n"}), r)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q is not a file of a run in the format config", name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Names of parameters and metrics are found in any normal form, also as names of files,
// which macOS decomposes.
func TestDecomposedNames(t *testing.T) {
	const composed, decomposed = "pert\u00e9", "perte\u0301"
	for format, files := range map[string]map[string]string{
		"mlflow": {"a/meta.yaml": "run_id: a\nstatus: 3", "a/params/" + decomposed: "7", "a/params/seed": "1", "a/metrics/loss" + decomposed: "1 2 1\n"},
		"hydra":  {"a/.hydra/config.yaml": "seed: 1", "a/.hydra/overrides.yaml": "- " + decomposed + "=7", "a/metrics.csv": "step,loss" + decomposed + "\n1,2\n"},
	} {
		r := byNorm()
		r.Source, r.Factors, r.Responses = []string{"."}, []string{composed}, []string{"loss" + composed}
		runs, _, err := readFolders(t, folder(t, files), r)
		if err != nil || runs["7 1"].Values["loss"+composed] != 2 {
			t.Errorf("%s: %v, %v", format, err, runs)
		}
	}
}

// PyTorch's writer records hyperparameters in a folder of its own below that of the run,
// named by the time. If there are two that differ, no value counts.
func TestHyperparametersBesideRuns(t *testing.T) {
	content := func(name string) string {
		raw, err := os.ReadFile("testdata/runs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	const events = "/events.out.tfevents.1700000000.host"
	files := map[string]string{"a" + events: content("restarted/rms-1" + events), "a/1700000000.25" + events: content("tensorboard/rms-1" + events)}
	read := func() (map[string]record.Run, error) {
		r := byNorm()
		r.Source, r.Responses = []string{"."}, []string{"val/loss"}
		runs, _, err := readFolders(t, folder(t, files), r)
		return runs, err
	}
	runs, err := read()
	if err != nil || len(runs) != 1 || math.Abs(runs["rms 1"].Values["val/loss"]-4.5) > 1e-6 {
		t.Errorf("%v, %v", runs, err)
	}
	files["a/1700000001"+events] = content("tensorboard/dyt-1" + events)
	if runs, err := read(); err != nil || len(runs) != 2 {
		t.Errorf("a run named by a time: %v, %v", runs, err)
	}
	delete(files, "a/1700000001"+events)
	files["a/1700000001.5"+events] = content("tensorboard/dyt-1" + events)
	if runs, err := read(); err == nil || !strings.Contains(err.Error(), `norm is "rms and dyt", which is not a level`) {
		t.Errorf("%v, %v", runs, err)
	}
}

// Hydra saves configurations with their interpolations. Those that name a parameter are
// replaced; two values with others may differ, so that they are no levels.
func TestInterpolations(t *testing.T) {
	config := "rate: 0.5\nname: ada\nopt:\n  lr: ${rate}\n  deep: {same: \"${..lr}\", beside: \"${.same}\"}\nlabel: ${name}-${opt.deep.beside}\n" +
		"nested: ${opt.${kind}}\nkind: lr\nplain: \\${rate}\nround: ${other}\nother: ${round}\nhome: ${oc.env:HOME}\nlist: ${a}\na: [1]\nseed: ${seeds.first}\nseeds: {first: 3}\n"
	files := folder(t, map[string]string{"a/.hydra/config.yaml": config, "a/metrics.csv": "step,loss\n1,2\n"})
	for factor, want := range map[string]string{
		"opt.lr": "0.5", "opt.deep.beside": "0.5", "label": "ada-0.5", "nested": "0.5", "plain": "\\${rate}", "round": "", "home": "", "list": "",
	} {
		r := byNorm()
		r.Source, r.Factors = []string{"."}, []string{factor}
		runs, _, err := readFolders(t, files, r)
		if _, ok := runs[want+" 3"]; want != "" && (!ok || err != nil) {
			t.Errorf("%s: runs %v, %v; want the level %s", factor, runs, err, want)
		}
		if want == "" && (err == nil || !strings.Contains(err.Error(), "not a level")) {
			t.Errorf("%s: runs %v, %v", factor, runs, err)
		}
	}
}

// doubled is YAML in which each mapping holds the one before twice.
func doubled(mapping string) string {
	text := "norm: rms\nseed: 1\na: &0 {x: 1}\n"
	for i := range 30 {
		text += fmt.Sprintf("a%[1]d: &%[1]d ", i+1) + fmt.Sprintf(mapping, i) + "\n"
	}
	return text
}

// repeated merges a mapping of n keys n times.
func repeated(n int) string {
	var keys strings.Builder
	for i := range n {
		fmt.Fprintf(&keys, "k%d: 0, ", i)
	}
	return "norm: rms\nseed: 1\nb: &b {" + keys.String() + "}\nx: {<<: [" + strings.Repeat("*b, ", n) + "]}"
}

// An alias stands for its value, as in what PyYAML writes of an object that occurs twice,
// and << for the members that a mapping does not have itself.
func TestAliases(t *testing.T) {
	const text = "base: &base {norm: rms, opt: &opt {lr: 0.1, decay: 1}}\nnorm: dyt\nbetas: &b [0.9, 0.99]\nsame: *b\nopt: *opt\nmine: {<<: [*base, {norm: none, seed: 7}], opt: {lr: 2}}\nseed: 1"
	r := byNorm()
	r.Source, r.Factors = []string{"."}, []string{"norm", "opt.lr", "mine.norm", "mine.seed", "mine.opt.lr"}
	files := map[string]string{"a/config.yaml": text, "a/metrics.csv": "step,loss\n1,2\n"}
	runs, _, err := readFolders(t, folder(t, files), r)
	if _, ok := runs["dyt 0.1 rms 7 2 1"]; err != nil || !ok {
		t.Errorf("%v, %v", err, runs)
	}
	r.Factors = []string{"mine.opt.decay"}
	if _, _, err := readFolders(t, folder(t, files), r); err == nil || !strings.Contains(err.Error(), `there is no column "mine.opt.decay"`) {
		t.Errorf("a member of a mapping that is replaced: %v", err)
	}
}

// What cannot be known is refused, with the run.
func TestUnusableFolders(t *testing.T) {
	good := map[string]string{"a/config.yaml": "norm: rms\nseed: 1", "a/metrics.csv": "step,loss\n1,2\n"}
	for _, c := range []struct{ name, text, want string }{
		{"a/config.yaml", "norm: rms\nseed: 1\nx: &x {a: *x, b: *x}", "a: config.yaml: "},
		{"a/config.yaml", "norm: rms\nseed: 1\nx: &x {<<: *x}", "a: config.yaml: "},
		{"a/config.yaml", "norm: rms\nseed: 1\n<<: 3", "a: config.yaml: line 3: << does not name a mapping"},
		{"a/config.yaml", doubled("{x: *%d, y: *%[1]d}"), "it has more than 100000 parameters"},
		{"a/config.yaml", doubled("{<<: [*%d, *%[1]d]}"), "it has more than 100000 parameters"},
		{"a/config.yaml", repeated(1000), "it has more than 100000 parameters"},
		{"a/config.yaml", "norm: rms\nseed: [1]", "a: seed has no value, but it numbers the replicates"},
		{"a/config.yaml", "norm: rms\nseed: 1\nx.y: 1\nx: {y: 2}", "two parameters are named x.y"},
		{"a/config.yaml", "norm: [", "a: config.yaml: yaml:"},
		{"a/config.yaml", "- norm", "it is not a mapping"},
		{"a/config.yaml", "seed: 1", `there is no column "norm"; the columns are loss, run, seed`},
		{"a/config.json", `{"norm":"rms"}`, "it has both config.json and config.yaml"},
		{"a/metrics.jsonl", `{"loss":1}`, "both metrics.csv and metrics.jsonl have the metric loss"},
		{"a/metrics.csv", "step,loss\nx,2\n", `a: metrics.csv: line 2: the step is "x"`},
		{"a/metrics.csv", "step,loss\n1,two\n", `a: loss is "two", not a number`},
		{"a/metrics.csv", "step,loss\n1\n", "a: metrics.csv: line 2: it has 1 fields"},
		{"a/metrics.csv", "step,acc\n1,2\n", `a: there is no column "loss"; the columns are acc, norm`},
		{"b/config.yaml", "norm: rms\nseed: 1", "b: it has the same factors and seed as a: rms, 1"},
	} {
		files := map[string]string{c.name: c.text}
		if path.Dir(c.name) == "b" {
			files["b/metrics.csv"] = "step,loss\n1,2\n"
		}
		for name, text := range good {
			if _, ok := files[name]; !ok {
				files[name] = text
			}
		}
		r := byNorm()
		r.Source = []string{"."}
		if _, _, err := readFolders(t, folder(t, files), r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %q: %v, want %q", c.name, c.text, err, c.want)
		}
	}
}

// A parameter that is a number in one run and a text in another is named.
func TestTypesThatDiffer(t *testing.T) {
	r := byNorm()
	r.Factors, r.Source = []string{"lr"}, []string{"."}
	_, warned, err := readFolders(t, folder(t, map[string]string{
		"a/config.json": `{"lr":0.001,"seed":1}`, "a/metrics.jsonl": `{"loss":2}`,
		"b/config.json": `{"lr":"1e-3","seed":1}`, "b/metrics.jsonl": `{"loss":2}`,
	}), r)
	if want := "lr is the number 0.001 in some runs and the text \"1e-3\" in others; these are two levels\n"; err != nil || warned != want {
		t.Errorf("%v, warned %q, want %q", err, warned, want)
	}
}

// Files that are no part of a run do not enter the key; which files form one does.
func TestKeysOfFolders(t *testing.T) {
	key := func(files map[string]string) string {
		t.Helper()
		r := byNorm()
		r.Source = []string{"logs"}
		recipe, err := r.Describe(inputs(folder(t, files)))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(recipe.Inputs.Key("test"))
	}
	files := func(more ...string) map[string]string {
		out := map[string]string{"logs/a/config.json": "{}", "logs/a/metrics.csv": "loss\n1\n", "logs/b/config.json": "{}", "logs/b/metrics.csv": "loss\n2\n"}
		for i := 0; i < len(more); i += 2 {
			out[filepath.Join("logs", more[i])] = more[i+1]
		}
		return out
	}
	first := key(files())
	if key(files("a/last.ckpt", "weights", "b/notes.txt", "x")) != first {
		t.Error("a file that is not read changes the key")
	}
	if key(files("a/metrics.csv", "loss\n2\n", "b/metrics.csv", "loss\n1\n")) == first {
		t.Error("metrics of other runs have the same key")
	}
}

// A damaged event file is refused with the place; one whose end is missing, as a
// writer that was killed leaves it, is read as far as it goes.
func TestDamagedEvents(t *testing.T) {
	whole, err := os.ReadFile("testdata/runs/tensorboard/rms-1/events.out.tfevents.1700000000.host")
	if err != nil {
		t.Fatal(err)
	}
	warned := ""
	read := func(content string) (runs map[string]record.Run, err error) {
		t.Helper()
		r := &Results{Source: []string{"."}, Factors: []string{"norm"}, Replicate: "seed", Responses: []string{"val/loss"}}
		runs, warned, err = readFolders(t, folder(t, map[string]string{"a/events.out.tfevents.1.x": content}), r)
		return runs, err
	}
	for n := len(whole); n > 0; n -= 7 {
		runs, err := read(string(whole[:n]))
		if err == nil && runs["rms 1"].Outcome != record.OutcomeFinished || err != nil && !strings.Contains(err.Error(), "there is no column") {
			t.Errorf("%d of %d bytes: %v, %v", n, len(whole), runs, err)
		}
		if says := strings.Contains(warned, "ends inside of a record"); err == nil && says == (n == len(whole)) {
			t.Errorf("%d of %d bytes: warned %q", n, len(whole), warned)
		}
	}
	for _, c := range []struct {
		at   int
		want string
	}{{2, "record 1: it is damaged: the checksum of its length is wrong"}, {20, "record 1: it is damaged: its checksum is wrong"}} {
		damaged := []byte(string(whole))
		damaged[c.at] ^= 1
		if _, err := read(string(damaged)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("byte %d changed: %v, want %q", c.at, err, c.want)
		}
	}
}

// A program that resumed says from which step on the values before it do not count. Those
// in another folder are of another writer.
func TestRestartedEvents(t *testing.T) {
	content := func(name string) string {
		text, err := os.ReadFile("testdata/runs/restarted/rms-1/events.out.tfevents." + name + ".host")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first, second := content("1700000000"), content("1700000001")
	for _, c := range []struct {
		format, other string
		want          float64 // at step 40, or at step 50 of the first writer
	}{{"tensorboard", "a/events.out.tfevents.1", 3.6}, {"config", "a/events.out.tfevents.1", 3.6}, {"config", "a/b/events.out.tfevents.1", 4.5}} {
		files := map[string]string{c.other: first, "a/events.out.tfevents.2": second}
		if c.format == "config" {
			files["a/config.yaml"] = "norm: rms\nseed: 1"
		}
		r := &Results{Source: []string{"."}, Factors: []string{"norm"}, Replicate: "seed", Responses: []string{"val/loss"}, Format: c.format}
		runs, _, err := readFolders(t, folder(t, files), r)
		if err != nil || runs["rms 1"].Values["val/loss"] != c.want {
			t.Errorf("%s, %s: %v, %v, want %v", c.format, c.other, err, runs, c.want)
		}
	}
}

// Any bytes are read or refused.
func FuzzEvents(f *testing.F) {
	f.Add([]byte{0x10, 0x02, 0x2a, 0x0d, 0x0a, 0x0b, 0x0a, 0x04, 'l', 'o', 's', 's', 0x15, 0, 0, 0x80, 0x3f})
	f.Fuzz(func(t *testing.T, message []byte) {
		r := &folderRun{columns: map[string]cell{}, series: newSeries([]string{"loss"})}
		if err := tfevents.ReadEvent(message, r.event); err == nil {
			r.summarize()
		}
	})
}

// The words of trackers say how a run ended.
func TestStates(t *testing.T) {
	r := byNorm()
	r.Outcome = "State"
	text := "norm,seed,loss,State\na,1,1.5,finished\na,2,7.5,crashed\na,3,1,running\na,4,2,COMPLETE\na,2,1.25,finished\na,5,9,preempting\na,6,9,Pending\n"
	_, runs, warned, err := readRuns(t, r, map[string]string{"wandb.csv": text})
	if err != nil || len(runs) != 7 || runs[1].Outcome != record.OutcomeFailed || len(runs[1].Values) != 0 || runs[3].Values["loss"] != 2 || runs[4].Values["loss"] != 1.25 {
		t.Errorf("%v, runs %v", err, runs)
	}
	if want := "left out 1 of 7 runs: crashed\nleft out 1 of 7 runs: not started\nleft out 2 of 7 runs: still running\n"; warned != want {
		t.Errorf("warned %q, want %q", warned, want)
	}
}
