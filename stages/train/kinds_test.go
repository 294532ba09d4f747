package train_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"ablate/pipeline/planner"
	"ablate/stages/norm"
	"ablate/stages/optimizer"
	"ablate/stages/record"
)

// short is a trial of a norm and an optimizer with their defaults.
func short(normType, rule string) string {
	text := study(12, "evaluate {\n every = 4\n}\nprobe {\n every = 6\n}\ncheckpoint {\n every = 3\n}")
	text = strings.Replace(text, "norm \"derf\" \"n\" {\n  ema_blend {}\n}", fmt.Sprintf("norm %q \"n\" {}", normType), 1)
	text = strings.Replace(text, "optimizer \"adamw\" \"o\" {\n  learning_rate = 0.01\n}", fmt.Sprintf("optimizer %q \"o\" {}", rule), 1)
	return strings.NewReplacer("norm.derf.n", "norm."+normType+".n", "optimizer.adamw.o", "optimizer."+rule+".o").Replace(text)
}

// bySites is a trial with a norm of its own at every site that the placement has.
func bySites(text, placement string) string {
	text = strings.Replace(text, `"n" {}`, "\"n\" {\n  warmup = 5\n  taper = 5\n  decay = 0.5\n}\nnorm \"derf\" \"d\" {\n  ema_blend {}\n}\nnorm \"rmsnorm\" \"r\" {}", 1)
	text = strings.Replace(text, "model \"llama\" \"m\" {", fmt.Sprintf("model \"llama\" \"m\" {\n  placement = %q", placement), 1)
	sites := "attention = norm.tapernorm.n, ffn = norm.derf.d, qk = norm.derf.d, embedding = norm.derf.d"
	switch placement {
	case "pre":
		sites += ", final = norm.rmsnorm.r"
	case "peri":
		sites += ", final = norm.rmsnorm.r, ffn_output = norm.tapernorm.n"
	}
	return strings.Replace(text, "= norm.tapernorm.n\n", "= { "+sites+" }\n", 1)
}

// Each norm and each optimizer that is valid with its defaults trains, and a trial that
// was stopped resumes with the bytes of one that was not.
func TestKindsResume(t *testing.T) {
	texts := make(map[string]string)
	for _, k := range norm.Kinds() {
		if k.New().Validate().Err() != nil {
			continue // it has attributes without a default
		}
		texts["norm "+k.Type] = short(k.Type, "adamw")
	}
	texts["norm tapernorm"] = strings.Replace(short("tapernorm", "adamw"), `"n" {}`, "\"n\" {\n  warmup = 5\n  taper = 5\n  decay = 0.5\n}", 1)
	for _, placement := range []string{"pre", "post", "peri"} {
		texts["sites, "+placement] = bySites(short("tapernorm", "adamw"), placement)
	}
	for _, k := range optimizer.Kinds() {
		if k.New().Validate().Err() != nil {
			continue
		}
		texts["optimizer "+k.Type] = short("rmsnorm", k.Type)
	}
	texts["QK-clip"] = strings.Replace(short("rmsnorm", "muon"), `"o" {}`, "\"o\" {\n  qk_clip = 0.01\n}", 1)
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			straight, stopped := newLab(t), newLab(t)
			straight.must(text, 12)
			if losses := straight.validation(text); len(losses) != 3 || losses[2] >= losses[0] {
				t.Errorf("validation losses %v: want three that fall", losses)
			}
			stop := 4 + rand.IntN(7)
			if err := stopped.run(text, stop); !errors.Is(err, errStop) {
				t.Fatalf("stopping at %d: %v", stop, err)
			}
			if s := stopped.plan(text); s.Status != planner.Resume {
				t.Fatalf("after step %d the plan says %s: %s", stop, s.Status, s.Reason.Text)
			}
			if err := stopped.run(text, 0); err != nil {
				t.Fatal(err)
			}
			stopped.same(straight, text)
		})
	}
}

// A text that fills no batch is an error that counts what a step and an evaluation take.
func TestTooLittleText(t *testing.T) {
	for _, tt := range []struct{ train, size, want string }{
		{"", "sequences = 1\n length = 50000", "One step takes 1 sequence of 50000 + 1 tokens: 50001 tokens."},
		{"accumulate = 3", "sequences = 2\n length = 6000", "One step takes 3 times 2 sequences of 6000 + 1 tokens: 36006 tokens."},
		{"", "sequences = 2\n length = 1000", "One batch of the evaluation takes 2 sequences of 1000 + 1 tokens: 2002 tokens."},
	} {
		text := strings.Replace(study(2, tt.train), "sequences = 2\n    length    = 8", tt.size, 1)
		if err := newLab(t).run(text, 0); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q in it", err, tt.want)
		}
	}
}

// validation lists a trial's losses on the validation text.
func (l *lab) validation(text string) (losses []float64) {
	l.t.Helper()
	metrics, _ := l.result(text)
	for line := range strings.Lines(metrics) {
		var row record.Row
		if json.Unmarshal([]byte(line), &row) == nil && row.Name == "val_loss" {
			losses = append(losses, row.Value)
		}
	}
	return losses
}
