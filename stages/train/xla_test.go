//go:build xla && cgo && linux

package train_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/planner"
	"ablate/stages"
	"ablate/stages/record"
	"ablate/stages/train"
)

// variant is a small study that differs from the base in one place.
type variant struct {
	name                   string
	model, norm, optimizer string // blocks; "" for those of the base
	sites                  string // the trial's attribute norm; "" for the one norm
	train                  string // further attributes and blocks of the trial

	// tolerance is that of gradient norms and probes; 0 for that of losses. Factors
	// in bf16 have eight bits, and XLA may keep more of an intermediate result.
	tolerance float64
}

// lossTolerance is how far losses of the two backends may be apart.
const lossTolerance = 1e-3

const probe = "probe {\n every = 20\n}\n"

// text returns the study of a variant on a backend.
func (v variant) text(name string) string {
	or := func(block, base string) string {
		if block == "" {
			return base
		}
		return block
	}
	return fmt.Sprintf(`
data "text" "t" {
  source = ["text.txt"]
}
%s
%s
%s
train "lm" "one" {
  data      = data.text.t
  model     = %s
  norm      = %s
  optimizer = %s
  steps     = 20
  clip_norm = 1
  backend   = %q
  batch {
    sequences = 4
    length    = 16
  }
  evaluate {
    every   = 20
    batches = 2
  }
  %s
}
`,
		or(v.model, block("model", "llama", modelBody)), or(v.norm, block("norm", "rmsnorm", "")), or(v.optimizer, block("optimizer", "adamw", "learning_rate = 0.003")),
		reference("model", or(v.model, `"llama"`)), or(v.sites, reference("norm", or(v.norm, `"rmsnorm"`))), reference("optimizer", or(v.optimizer, `"adamw"`)), name, v.train)
}

const modelBody = "layers = 1\nwidth = 32\nheads = 2"

func block(block, kind, body string) string {
	return fmt.Sprintf("%s %q \"x\" {\n%s\n}", block, kind, body)
}

// reference returns the reference to a block.
func reference(name, block string) string {
	return name + "." + strings.Split(block, `"`)[1] + ".x"
}

// variants has every norm, optimizer and model, and every choice of how they are
// computed, one at a time.
func variants() []variant {
	all := []variant{
		{name: "base", train: probe},
		{name: "bf16", train: `precision = "bf16"` + "\n" + probe, tolerance: 2e-2},
		{name: "flash attention", model: block("model", "llama", modelBody+"\nattention = \"flash\""), train: probe},
		{name: "flash attention, gpt2", model: block("model", "gpt2", modelBody+"\nattention = \"flash\"\ndropout = 0.1")},
		{name: "dropout", model: block("model", "llama", modelBody+"\ndropout = 0.1")},
		{name: "grouped heads, untied, scaled", model: block("model", "llama", modelBody+"\nkv_heads = 1\ntied = false\nembed_scale = true\nresidual_scale = 0.5"), train: probe},
		{name: "loss_chunk", train: "loss_chunk = 24"},
		{name: "gradient_checkpointing", train: "gradient_checkpointing = true"},
		{name: "accumulate", train: "accumulate = 2"},
		{name: "ema_blend", norm: block("norm", "derf", "ema_blend {}"), train: probe},
		{name: "asinh", norm: block("norm", "dyt", "asinh {}"), train: probe},
		{name: "batched Muon in bf16", optimizer: block("optimizer", "muon", "batched = true\nprecision = \"bf16\""), tolerance: 2e-2},
		{name: "QK-clip", optimizer: block("optimizer", "muon", "variant = \"muonclip\"\nqk_clip = 0.01"), train: probe},
		{name: "QK-clip, flash attention", model: block("model", "gpt2", modelBody+"\nattention = \"flash\""), optimizer: block("optimizer", "muon", "qk_clip = 0.01"), train: "accumulate = 2"},
		{name: "moonlight", optimizer: block("optimizer", "muon", "variant = \"moonlight\"")},
		{name: "post", model: block("model", "gpt2", modelBody+"\nplacement = \"post\""), norm: block("norm", "layernorm", ""), train: probe},
		{name: "peri, a norm at each site", model: block("model", "llama", modelBody+"\nplacement = \"peri\""), norm: block("norm", "derf", "ema_blend {}") + "\nnorm \"rmsnorm\" \"x\" {}",
			sites: "{ embedding = norm.rmsnorm.x, attention = norm.rmsnorm.x, qk = norm.derf.x, ffn = norm.derf.x, ffn_output = norm.rmsnorm.x, final = norm.rmsnorm.x }", train: probe},
		// By default two columns of this width are normalized, and gradients explode.
		{name: "prmsnorm", norm: block("norm", "prmsnorm", "share = 0.5"), train: probe},
		{name: "tapernorm", norm: block("norm", "tapernorm", "warmup = 5\ntaper = 5\ndecay = 0.5"), train: probe},
		{name: "a norm as a formula", norm: block("norm", "formula", "parameter \"alpha\" {\n start = 0.5\n}\nparameter \"gamma\" {\n shape = \"width\"\n start = 1\n}\n"+
			"y = gamma * (alpha * x / (1 + abs(alpha * x)))"), train: probe},
		{name: "an optimizer as a formula", optimizer: block("optimizer", "formula", "learning_rate = 0.003\nrule \"matrix\" {\n state \"m\" {\n next = 0.9 * m + gradient\n }\n"+
			" value = value - learning_rate * next.m\n}\nadamw {}")},
		{name: "an activation, a schedule and a loss as formulas", model: block("model", "llama", modelBody+"\nactivation = square(relu(up))"),
			train: "loss = cross_entropy + 0.0001 * square(log_z)\nschedule \"formula\" {\n multiplier = min((step + 1) / 5, (steps - step) / 10, 1)\n}"},
	}
	for _, k := range stages.All() {
		if k.Role != pipeline.Definition || slices.Contains([]string{"llama", "rmsnorm", "adamw"}, k.Type) { // those of the base
			continue
		}
		if slices.Contains([]string{"prmsnorm", "tapernorm", "formula"}, k.Type) { // above, with attributes
			continue
		}
		v := variant{name: k.Block + " " + k.Type}
		switch k.Block {
		case "model":
			v.model, v.train = block(k.Block, k.Type, modelBody), probe
		case "norm":
			v.norm, v.train = block(k.Block, k.Type, ""), probe
		case "optimizer":
			v.optimizer = block(k.Block, k.Type, "")
		}
		all = append(all, v)
	}
	return all
}

// TestXLAAgreesWithGo trains each variant on both backends, and compares losses and
// gradient norms of 20 steps, evaluations and probes.
func TestXLAAgreesWithGo(t *testing.T) {
	train.RequireXLA(t)
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			var got [2]map[string]float64
			for i, name := range []string{"go", "xla:cpu"} {
				if err := l.run(v.text(name), 0); err != nil {
					t.Fatal(err)
				}
				if l.computed != 20 { // what is compared must not be one cached result
					t.Fatalf("%s computed %d steps, want 20", name, l.computed)
				}
				got[i] = l.values(v.text(name))
			}
			if len(got[0]) < 40 || len(got[0]) != len(got[1]) {
				t.Fatalf("go has %d values, xla:cpu %d", len(got[0]), len(got[1]))
			}
			for name, want := range got[0] {
				tolerance := max(v.tolerance, lossTolerance)
				if strings.Contains(name, "loss") {
					tolerance = lossTolerance
				}
				if d := math.Abs(got[1][name]-want) / max(1, math.Abs(want)); !(d <= tolerance) {
					t.Errorf("%s = %v on xla:cpu, want %v within %v", name, got[1][name], want, tolerance)
				}
			}
		})
	}
}

// values returns the metrics and probes of a trial by name and step.
func (l *lab) values(text string) map[string]float64 {
	l.t.Helper()
	s := l.plan(text)
	if s.Status != planner.Hit {
		l.t.Fatalf("the trial is %s (%s), not cached", s.Status, s.Reason.Text)
	}
	out := make(map[string]float64)
	read := func(name string) string {
		a, ok := s.Entry().Artifact(name)
		if !ok {
			l.t.Fatalf("the trial has no %s", name)
		}
		raw, err := cache.ReadAll(context.Background(), l.store, a.Digest)
		if err != nil {
			l.t.Fatal(err)
		}
		return string(raw)
	}
	rows, err := record.ReadAll(strings.NewReader(read(record.Metrics)))
	if err != nil {
		l.t.Fatal(err)
	}
	for _, row := range rows {
		out[fmt.Sprintf("%s at step %d", row.Name, row.Step)] = row.Value
	}
	if _, ok := s.Entry().Artifact(record.Probes); !ok {
		return out
	}
	probes, err := csv.NewReader(strings.NewReader(read(record.Probes))).ReadAll()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, fields := range probes[1:] {
		last := len(fields) - 1
		if v, err := strconv.ParseFloat(fields[last], 64); err == nil {
			out[strings.Join(fields[:last], " ")] = v
		}
	}
	return out
}

// TestXLAResumes stops a trial twice and compares its bytes with those of a trial
// that ran through.
func TestXLAResumes(t *testing.T) {
	train.RequireXLA(t)
	text := variant{norm: block("norm", "derf", "ema_blend {}"), train: "checkpoint {\n every = 6\n}"}.text("xla:cpu")
	straight, stopped := newLab(t), newLab(t)
	if err := straight.run(text, 0); err != nil {
		t.Fatal(err)
	}
	for _, step := range []int{7, 15} {
		if err := stopped.run(text, step); !errors.Is(err, errStop) {
			t.Fatalf("stopping at %d: %v", step, err)
		}
	}
	if err := stopped.run(text, 0); err != nil {
		t.Fatal(err)
	}
	if stopped.computed > 8 {
		t.Errorf("it computed %d steps after a stop at 15", stopped.computed)
	}
	stopped.same(straight, text)
}

// TestXLADiverges trains with a learning rate at which both backends diverge.
func TestXLADiverges(t *testing.T) {
	train.RequireXLA(t)
	for _, name := range []string{"go", "xla:cpu"} {
		l := newLab(t)
		text := variant{optimizer: block("optimizer", "sgd", "learning_rate = 1e30"), train: "clip_norm = 0"}.text(name)
		text = strings.Replace(text, "clip_norm = 1\n", "", 1)
		if err := l.run(text, 0); err != nil {
			t.Fatal(err)
		}
		metrics, _ := l.result(text)
		if !strings.Contains(metrics, record.Diverged) {
			t.Errorf("%s: the trial did not diverge:\n%s", name, metrics)
		}
	}
}
