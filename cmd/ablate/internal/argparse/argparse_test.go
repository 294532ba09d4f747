package argparse_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"ablate/cmd/ablate/internal/argparse"
	"ablate/hcl"
)

const help = `usage: train.py [-h] [--seed SEED] [--mode {fast,slow}] [--lr LR] data

positional arguments:
  data                 what to read

options:
  -h, --help           show this help message and exit
  --seed SEED          (default: 0)
  --mode {fast,slow}
  --lr LR              (default: 0.10)
  --2d ${x}            (default: %{y})
`

func TestStudy(t *testing.T) {
	text, ok := argparse.Study("sub/my train.py", help, nil)
	for _, want := range []string{
		`study "my-train" {}`, "matrix {\nseed = [1, 2, 3]\nmode = [\"fast\", \"slow\"]\n}", "# The script takes data: add it to argv\nseed = matrix.seed\nmode = matrix.mode\nlr = \"0.10\"\n\"2d\" = \"%%{y}\"",
		`argv  = ["python3", "sub/my train.py"]`, `analysis "factorial"`,
	} {
		if !ok || !strings.Contains(text, want) {
			t.Errorf("Study = %v, and lacks\n%s\n\nin\n%s", ok, want, text)
		}
	}
	if text, ok := argparse.Study("train.py", help, []string{"mode"}); !ok || strings.Contains(text, "mode = [") || !strings.Contains(text, `analysis "table"`) {
		t.Errorf("Study varies what is taken:\n%s", text)
	}
	if _, ok := argparse.Study("train.py", "usage: train.py", nil); ok {
		t.Error("Study finds flags where there are none")
	}
}

// A parameter holds only a default that the script makes of its text again.
func TestDefaults(t *testing.T) {
	for help, want := range map[string]string{
		// argparse
		"  --lr LR   (default: 0.1)\n":           "lr = 0.1",
		"  --amp AMP   (default: False)\n":       "# amp = \"\"",
		"  --xs XS   (default: ['a'])\n":         "# xs may take several values: add those to argv",
		"  --name NAME   (default: 'it')\n":      "name = \"it\"",
		"  --name NAME   (default: 'a\\tb c')\n": "# name = \"\"",
		// click
		"  --xs TEXT  [default: a, b]\n":          "# xs may take several values: add those to argv",
		"  --xs [a|b]  [default: a, b]\n":         "# xs may take several values: add those to argv",
		"  --name TEXT  [default: (dynamic)]\n":   "# name = \"\"",
		"  --lr FLOAT  [default: 0.1; x>=0]\n":    "lr = 0.1",
		"  --amp / --no-amp  [default: no-amp]\n": "# amp = true, or no-amp = true",
		// absl
		"  -l,--lr: the rate\n    (default: '0.1')\n    (a number)\n":          "lr = 0.1",
		"  --[no]amp: mixed\n    (default: 'false')\n":                         "# amp = true, or noamp = true",
		"  --name: who\n    (default: \"it's\")\n":                             "name = \"it's\"",
		"  --xs: repeat this option\n    (default: \"['a', 'b']\")\n":          "# xs may take several values: add those to argv",
		"  --xs: a list\n    (default: 'a,b')\n    (a comma separated list)\n": "xs = \"a,b\"",
	} {
		if text, ok := argparse.Study("train.py", help, nil); !ok || !strings.Contains(text, "\n"+want+"\n") || strings.Contains(text, "matrix") {
			t.Errorf("Study of %q lacks %q:\n%s", help, want, text)
		}
	}
}

// The pattern of a new study finds what scripts print of their losses, and no other loss.
func TestPattern(t *testing.T) {
	text, _ := argparse.Study("train.py", help, nil)
	_, after, _ := strings.Cut(text, "stdout = ")
	quoted, _, _ := strings.Cut(after, "\n")
	pattern, err := strconv.Unquote(quoted)
	if err != nil {
		t.Fatal(err)
	}
	loss := regexp.MustCompile(pattern)
	for line, want := range map[string]string{
		"step 250: train loss 1.9, val loss 2.5":         "2.5",
		"step:9/9 val_loss:3.27 train_time:1ms":          "3.27",
		"{'eval_loss': 0.69, 'epoch': 1.0}":              "0.69",
		"Epoch 1 - loss: 0.4 - val_loss: 1.5e-05":        "1.5e-05",
		"Validation loss = NaN":                          "NaN",
		"val/loss=2.":                                    "2",
		"train_loss=1.5":                                 "",
		"best_val_loss=1.5":                              "",
		"retrieval loss 1.5":                             "",
		"val_loss is now being computed for 12 batches.": "",
	} {
		got := ""
		if m := loss.FindStringSubmatch(line); m != nil {
			got = m[loss.SubexpIndex("val_loss")]
		}
		if got != want {
			t.Errorf("%q gives %q, want %q", line, got, want)
		}
	}
}

// A study parses, whatever a script prints.
func FuzzStudy(f *testing.F) {
	f.Add("train.py", help)
	f.Add("train.py", "  --name X  (default: caf\xe9 \x1b[1m)")
	f.Fuzz(func(t *testing.T, script, help string) {
		text, _ := argparse.Study(script, help, nil)
		if _, list := hcl.Format("study.hcl", []byte(text)); list.HasErrors() {
			t.Errorf("the study does not parse: %v\n%s", list.Err(), text)
		}
	})
}
