package hcl_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ablate/hcl"
	loaded "ablate/hcl/study"
)

func readConfig(t *testing.T, text string) (hcl.Config, string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.hcl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, list := hcl.ReadConfig(name)
	return c, render(list)
}

func TestExecutors(t *testing.T) {
	c, wrong := readConfig(t, `
executor "slurm" "a100" {
  partition      = "gpu"
  arguments      = ["--account=lab"]
  time           = "12h"
  per_allocation = 4
  poll           = "1s"
  on_interrupt   = "leave"
}
executor "ssh" "lab" {
  hosts   = ["n1", "n2"]
  gpus    = 2
  program = "/opt/ablate"
}
`)
	want := map[string]loaded.Executor{
		"a100": {Type: "slurm", Label: "a100", Jobs: 100, Shared: true, Partition: "gpu", Time: 12 * time.Hour,
			Arguments: []string{"--account=lab"}, PerAllocation: 4, OnInterrupt: "leave", Poll: time.Second},
		"lab": {Type: "ssh", Label: "lab", Shared: true, Hosts: []string{"n1", "n2"}, GPUs: 2, Program: "/opt/ablate",
			PerAllocation: 1, OnInterrupt: "cancel", Poll: 5 * time.Second},
	}
	if diff := cmp.Diff(want, c.Executors); wrong != "" || diff != "" {
		t.Errorf("ReadConfig reports %q and reads (-want +got):\n%s", wrong, diff)
	}
}

func TestWrongExecutors(t *testing.T) {
	for text, want := range map[string]string{
		`executor "slrum" "a" {}`:                              `Did you mean "slurm"?`,
		`executor "ssh" "a" {}`:                                "requires hosts",
		`executor "slurm" "local" {}`:                          "Choose another label",
		"executor \"slurm\" \"a\" {\n  poll = \"soon\"\n}":     "is not a duration",
		"executor \"slurm\" \"a\" {\n  jobs = -1\n}":           "must be 0 or more",
		"executor \"slurm\" \"a\" {\n  hosts = [\"a\"]\n}":     "hosts",
		"executor \"slurm\" \"a\" {\n  on_interrupt = \"\"\n}": `"cancel" or "leave"`,
	} {
		place := "config.hcl:1,"
		if strings.Contains(text, "\n") {
			place = "config.hcl:2,3:"
		}
		if _, wrong := readConfig(t, text); !strings.Contains(wrong, want) || !strings.Contains(wrong, place) {
			t.Errorf("%s: %q, want %q and the place", text, wrong, want)
		}
	}
}

func TestUnknownExecutor(t *testing.T) {
	study, diags := load(t, map[string]string{"header.hcl": header, "study.hcl": `
norm "rmsnorm" "a" {
  runtime {
    executor = "a1000"
    resources {
      cpus   = 4
      memory = "2G"
    }
  }
}
`})
	if diags.HasErrors() {
		t.Fatal(render(diags))
	}
	for _, inst := range study.Instances {
		if want := (loaded.Resources{CPUs: 4, Memory: 2 << 30}); inst.Runtime.Executor != "" && inst.Runtime.Resources != want {
			t.Errorf("resources are %+v, want %+v", inst.Runtime.Resources, want)
		}
	}
	c, _ := readConfig(t, `executor "slurm" "a100" {}`)
	if got := render(c.Unknown(study)); !strings.Contains(got, `study.hcl:4,16: Error: Unknown executor`) || !strings.Contains(got, `Did you mean "a100"?`) {
		t.Errorf("Unknown reports %q", got)
	}
}
