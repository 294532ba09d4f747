package program

import (
	"os"
	"strings"
	"testing"

	"ablate/hcl/addr"
	"ablate/pipeline"
)

// Event files that TensorBoard's writer made are read from the program's folder; one
// whose end is missing warns.
func TestEventsOfPrograms(t *testing.T) {
	const name = "events.out.tfevents.1700000000.host"
	whole, err := os.ReadFile("../../data/testdata/runs/tensorboard/rms-1/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for _, missing := range []int{0, 5} {
		dir := Scratch{Dir: t.TempDir(), metrics: metricsFile}
		if err := os.MkdirAll(dir.path("runs", "a"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir.path("runs", "a", name), whole[:len(whole)-missing], 0o600); err != nil {
			t.Fatal(err)
		}
		var warned []string
		p := &call{spec: Spec{Metrics: &Metrics{File: "runs"}}, dir: dir, env: &pipeline.Env{Warn: func(s string) { warned = append(warned, s) }}}
		if err := p.convert(); err != nil {
			t.Fatal(err)
		}
		m, err := readMetrics(dir)
		if err != nil || len(m.names) == 0 || !strings.Contains(strings.Join(m.names, " "), "val/loss") {
			t.Errorf("without %d bytes: metrics %v, %v", missing, m, err)
		}
		if len(warned) != min(missing, 1) {
			t.Errorf("without %d bytes: warned %q", missing, warned)
		}
	}
}

// The texts are what hydra-core 1.3 reads back as the same text.
func TestHydraValue(t *testing.T) {
	for text, want := range map[string]string{
		"adam": "adam", "conf/db-1.yaml": "conf/db-1.yaml", "a b": "'a b'", "": "''", "TRUE": "'TRUE'", "1e-3": "'1e-3'",
		`it's`: `'it\'s'`, `a\`: `'a\\'`, `a\'`: `'a\\\''`, `a\b`: `'a\b'`, "${x}": "'${x}'",
	} {
		if got := hydraValue(addr.Level{Kind: "string", Text: text}); got != want {
			t.Errorf("hydraValue(%q) = %s, want %s", text, got, want)
		}
	}
}
