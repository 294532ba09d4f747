package argparse_test

import (
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
