package data

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"ablate/stages/record"
)

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
		if !completed(w) {
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
