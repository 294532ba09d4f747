package data

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"testing"

	"ablate/hcl/addr"
	"ablate/stages/record"
)

// Databases are read to the same bytes as when results of this version were stored: a
// key has no fingerprint of what reads them. Who changes that on purpose raises the
// version of data "results".
func TestDatabasesFrozen(t *testing.T) {
	testdata, err := filepath.Abs("testdata/runs")
	if err != nil {
		t.Fatal(err)
	}
	norms := map[string]addr.Level{"study_name": {Kind: "string", Text: "norms"}}
	for _, c := range []struct {
		source, response string
		where            map[string]addr.Level
		want             string
	}{
		{"mlflow.db.gz", "val/loss", nil, "61c3df089847ecf9"},
		{"optuna.db.gz", "value", norms, "953c5d3c41d2d45e"},
		{"optuna.db.gz", "intermediate", norms, "daef009ff81e5efe"},
		{"trackio.db.gz", "val/loss", nil, "0db624cd87ab7c05"},
	} {
		r := &Results{Source: []string{c.source}, Factors: []string{"norm"}, Replicate: "seed", Responses: []string{c.response}, Outcome: outcomeColumn, Where: c.where, Curves: c.response != "value"}
		out, err := runText(t, testdata, r)
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		for _, name := range []string{record.Trials, record.Curves} {
			if made := out[name]; made != nil {
				h.Write(made.Bytes())
			}
		}
		if got := hex.EncodeToString(h.Sum(nil)[:8]); got != c.want {
			t.Errorf("%s, %s: %s, want %s", c.source, c.response, got, c.want)
		}
	}
}
