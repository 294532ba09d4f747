package data

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"ablate/hcl/addr"
	"ablate/stages/record"
)

// Databases and offline runs are read as the trackers' own readers read them, with
// and without the name of the format.
func TestRunsOfTrackers(t *testing.T) {
	want := golden(t, "trackers.json")
	testdata, err := filepath.Abs("testdata/runs")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		format, source string
		factors        []string
		replicate      string
		response       string
		where          map[string]addr.Level
		warned         string
	}{
		{"mlflow", "mlflow.db.gz", []string{"norm"}, "seed", "val/loss", nil,
			"left out 1 of 8 runs: failed\nleft out 1 of 8 runs: killed\nleft out 1 of 8 runs: still running\n"},
		{"optuna", "optuna.db.gz", []string{"norm"}, "seed", "value", map[string]addr.Level{"study_name": {Kind: "string", Text: "norms"}},
			"left out 1 of 11 runs: failed\nleft out 1 of 11 runs: pruned\nleft out 1 of 11 runs: still running\nleft out 1 of 11 runs: not started\nwhere leaves out 3 of 11 runs\n"},
		{"trackio", "trackio.db.gz", []string{"norm"}, "seed", "val/loss", nil, ""},
		{"wandb", "wandb", []string{"norm"}, "seed", "val/loss", nil, "left out 1 of 5 runs: crashed\n"},
	} {
		for _, format := range []string{c.format, autoFormat} {
			r := &Results{Source: []string{c.source}, Factors: c.factors, Replicate: c.replicate, Responses: []string{c.response}, Format: format, Where: c.where}
			runs, warned, err := readFolders(t, testdata, r)
			compareCurves(t, testdata, *r, want[c.format])
			if err != nil {
				t.Errorf("%s: %v", c.format, err)
				continue
			}
			if warned != c.warned || len(runs) != len(want[c.format]) {
				t.Errorf("%s: %d runs, want %d; warned %q", c.format, len(runs), len(want[c.format]), warned)
			}
			for _, w := range want[c.format] {
				compareTracked(t, c.format, runs, w, c.response)
			}
		}
	}
}

// compareTracked finds the run that a tracker's reader describes.
func compareTracked(t *testing.T, format string, runs map[string]record.Run, want map[string]any, response string) {
	t.Helper()
	run, ok := runs[fmt.Sprint(want["norm"], " ", want["seed"])]
	value, finite := run.Values[response]
	wanted, _ := want[response].(string)
	finished := (want["status"] == nil && (want["exit"] == nil || want["exit"] == 0.0)) || want["status"] == "FINISHED" || want["status"] == "COMPLETE"
	lost := wanted == "nan" || wanted == "inf" || wanted == "" || wanted == "1.7976931348623157e+308" || !finished
	if !ok || finite == lost || finite && fmt.Sprint(value) != wanted || finished != (run.Outcome == record.OutcomeFinished) {
		t.Errorf("%s: the run is %v, want %v", format, run, want)
	}
}

// compareCurves reads the responses at all steps.
func compareCurves(t *testing.T, testdata string, r Results, want []map[string]any) {
	t.Helper()
	r.Curves = true
	if r.Format == "optuna" || r.Format == autoFormat && r.Responses[0] == "value" {
		r.Responses = []string{"intermediate"}
	}
	out, err := runText(t, testdata, &r)
	if err != nil {
		t.Error(err)
		return
	}
	_, runs, err := record.ReadTable(out[record.Trials])
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for run, err := range runs {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, run.Levels[0]+" "+run.Replicate)
	}
	got := make(map[string]string)
	for c, err := range record.ReadCurves(out[record.Curves]) {
		if err != nil {
			t.Fatal(err)
		}
		for i, step := range c.Steps {
			got[ids[c.Run-1]] += fmt.Sprint(step, ":", c.Values[i], " ")
		}
		if c.Diverged != nil {
			got[ids[c.Run-1]] += fmt.Sprint(*c.Diverged, ":diverged ")
		}
	}
	for _, w := range want {
		if w["exit"] == 1.0 {
			continue
		}
		if s := w["status"]; s != nil && s != "FINISHED" && s != "COMPLETE" {
			continue
		}
		text := ""
		for _, p := range w["curve"].([]any) {
			value := p.([]any)[1]
			if value == "nan" || value == "inf" || value == "1.7976931348623157e+308" {
				value = "diverged"
			}
			text += fmt.Sprint(p.([]any)[0], ":", value, " ")
		}
		if id := fmt.Sprint(w["norm"], " ", w["seed"]); got[id] != text {
			t.Errorf("%s: the curve of %s is %s, want %s", r.Format, id, got[id], text)
		}
	}
}

// logOfWandB is a log with the records of a run that has a name, each with a
// configuration, and a last one with the exit code 0.
func logOfWandB(names ...string) string {
	field := func(to []byte, number protowire.Number, data string) []byte {
		return protowire.AppendString(protowire.AppendTag(to, number, protowire.BytesType), data)
	}
	item := func(key, value string) string {
		return string(field(nil, 1, string(field(field(nil, 1, key), 8, value))))
	}
	log := ":W&B\xe1\xbe\x00"
	add := func(message []byte) {
		head := []byte{0, 0, 0, 0, byte(len(message)), byte(len(message) >> 8), 1}
		binary.LittleEndian.PutUint32(head, crc32.Update(crc32.ChecksumIEEE(head[6:]), crc32.IEEETable, message))
		log += string(head) + string(message)
	}
	for _, name := range names {
		run := field(field(nil, 1, "id"), 8, name)
		run = field(run, 4, item("norm", `"rms"`)+item("seed", "1")+item("loss", "9")+item("opt", `{"`+name+`": 2}`))
		add(field(nil, 17, string(run)))
	}
	add(field(nil, 3, item("loss", "3")+item("best", `{"loss": 4}`)))
	add(field(nil, 18, ""))
	return log
}

// A run of W&B has its latest name, and a value of its summary has precedence over a
// parameter as a response.
func TestRenamedRunOfWandB(t *testing.T) {
	r := byNorm()
	r.Source, r.Factors = []string{"."}, []string{"run_name"}
	runs, warned, err := readFolders(t, folder(t, map[string]string{"a/run-id.wandb": logOfWandB("first", "second")}), r)
	if err != nil || warned != "" || runs["second 1"].Values["loss"] != 3 {
		t.Errorf("%v, warned %q: %v", err, warned, runs)
	}
}

// Objects of a summary are columns, and a later object of the configuration replaces an
// earlier one as a whole.
func TestObjectsOfWandB(t *testing.T) {
	files := folder(t, map[string]string{"a/run-id.wandb": logOfWandB("first", "second")})
	for factor, known := range map[string]bool{"opt.second": true, "opt.first": false} {
		r := byNorm()
		r.Source, r.Factors, r.Responses = []string{"."}, []string{factor}, []string{"best.loss"}
		runs, _, err := readFolders(t, files, r)
		if known && (err != nil || runs["2 1"].Values["best.loss"] != 4) || !known && err == nil {
			t.Errorf("%s: %v, %v", factor, runs, err)
		}
	}
}
