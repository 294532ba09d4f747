//go:build unix

// Command slurm measures the overhead of ablate per trial on a Slurm cluster. It
// runs trials of one step on a cluster that it starts, and compares them with as
// many jobs of true through sbatch, and with the same trials on this machine.
//
//	go run ./bench/slurm [-trials 48]
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	trials := flag.Int("trials", 48, "how many")
	flag.Parse()
	dir, err := os.MkdirTemp("", "ablate-slurm")
	must(err)
	defer os.RemoveAll(dir)
	cluster := filepath.Join(dir, "c")
	must(os.Setenv("SLURM_CONF", filepath.Join(cluster, "etc", "slurm.conf")))
	must(os.Setenv("ABLATE_REMOTE", ""))
	run("go", "build", "-o", filepath.Join(dir, "ablate"), "./cmd/ablate")
	run("scripts/slurm-cluster", "up", cluster)
	defer run("scripts/slurm-cluster", "down", cluster)

	n := *trials
	report("sbatch, a job each", n, func() {
		for range n {
			run("sbatch", "--output=/dev/null", "--wrap", "true")
		}
		drained()
	})
	report("sbatch, an array", n, func() {
		run("sbatch", "--output=/dev/null", fmt.Sprintf("--array=0-%d", n-1), "--wrap", "true")
		drained()
	})
	report("ablate, slurm", n, func() { study(dir, "one", "main", n, "") })
	report("ablate, slurm, 12 in an allocation", n, func() { study(dir, "twelve", "main", n, "  per_allocation = 12\n") })
	report("ablate, this machine", n, func() { study(dir, "here", "local", n, "") })
}

// report times f and prints the time per trial.
func report(name string, n int, f func()) {
	started := time.Now()
	f()
	all := time.Since(started).Seconds()
	fmt.Printf("slurm %q trials=%d seconds=%.1f ms_per_trial=%.0f\n", name, n, all, 1000*all/float64(n))
}

// drained waits until the queue is empty.
func drained() {
	const often = 50 * time.Millisecond
	for strings.TrimSpace(run("squeue", "--noheader")) != "" {
		time.Sleep(often)
	}
}

// study runs n trials in a store of its own.
func study(dir, name, executor string, n int, config string) {
	at := filepath.Join(dir, name)
	raw, err := os.ReadFile("cmd/ablate/testdata/study.hcl")
	must(err)
	var seeds []string
	for i := range n {
		seeds = append(seeds, fmt.Sprint(i))
	}
	text := strings.NewReplacer("seed      = [1, 2]", "seed      = ["+strings.Join(seeds, ", ")+"]",
		"[norm.rmsnorm.base, norm.dyt.tanh]", "[norm.dyt.tanh]",
		"[optimizer.adamw.base, optimizer.muon.base]", "[optimizer.adamw.base]",
		"steps = 3", "steps = 1", "  batch {", "  runtime {\n    executor = \""+executor+"\"\n  }\n  batch {").Replace(string(raw))
	must(os.MkdirAll(filepath.Join(at, ".ablate"), 0o755))
	for file, text := range map[string]string{
		"study.hcl": text, "text.txt": strings.Repeat("the quick brown fox jumps over the lazy dog\n", 500),
		".ablate/config.hcl": "executor \"slurm\" \"main\" {\n  poll = \"500ms\"\n" + config + "}\n",
	} {
		must(os.WriteFile(filepath.Join(at, file), []byte(text), 0o600))
	}
	must(os.Setenv("ABLATE_CACHE_DIR", filepath.Join(at, "store")))
	run(filepath.Join(dir, "ablate"), "run", "--chdir", at, "--progress", "none")
}

func run(name string, args ...string) string {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		log.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
