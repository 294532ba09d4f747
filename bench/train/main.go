//go:build unix

// Command train compares training on the CPU with PyTorch eager, in turn, in
// separate processes: the same model, batch, clipping and AdamW. PyTorch uses its
// best number of threads. The time of a step is the difference between a run of
// many steps and a run of few, so that start-up, evaluation and probes cancel. It
// prints the medians of wall time and of processor time; the latter is more
// reliable on a busy machine.
//
//	go run ./bench/train [-rounds 3] [-python /usr/bin/python3]
package main

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed peer.py
var peer string

// size is one model with its batch.
type size struct {
	Name      string `json:"-"`
	Layers    int    `json:"layers"`
	Width     int    `json:"width"`
	Heads     int    `json:"heads"`
	FFN       int    `json:"ffn"`
	Sequences int    `json:"sequences"`
	Length    int    `json:"length"`
	Steps     int    `json:"steps"`
	Threads   int    `json:"threads"`
}

var sizes = []size{
	{Name: "0.8M", Layers: 4, Width: 128, Heads: 4, FFN: 344, Sequences: 8, Length: 128, Steps: 40},
	{Name: "4.8M", Layers: 6, Width: 256, Heads: 8, FFN: 688, Sequences: 8, Length: 128, Steps: 12},
}

// flops is the arithmetic of a step: 6 for each weight of a product and token,
// and attention's own.
func (s size) flops() float64 {
	weights := s.Layers*(4*s.Width*s.Width+3*s.Width*s.FFN) + 256*s.Width
	return float64(s.Sequences*s.Length) * float64(6*weights+12*s.Layers*s.Width*s.Length)
}

func main() {
	log.SetFlags(0)
	rounds := flag.Int("rounds", 3, "rounds of each")
	python := flag.String("python", "/usr/bin/python3", "a Python with torch, if there is one")
	only := flag.String("size", "", "one size only")
	flag.Parse()
	dir, err := os.MkdirTemp("", "ablate-train")
	must(err)
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "ablate")
	must(command("go", "build", "-o", binary, "./cmd/ablate").Run())
	must(os.WriteFile(filepath.Join(dir, "peer.py"), []byte(peer), 0o600))
	must(os.WriteFile(filepath.Join(dir, "text.txt"), []byte(strings.Repeat("the quick brown fox jumps over the lazy dog\n", 20000)), 0o600))
	torch := exec.Command(*python, "-c", "import torch").Run() == nil
	if !torch {
		fmt.Printf("%s has no torch: PyTorch is left out\n", *python)
	}
	product := matrixProduct()
	fmt.Printf("matrix product 1024x1024x1024: %.1f GFLOP/s on %d cores\n", product/1e9, runtime.NumCPU())
	for _, s := range sizes {
		if *only != "" && s.Name != *only {
			continue
		}
		ours, theirs := []measurement{}, []measurement{}
		for range *rounds {
			ours = append(ours, measureOurs(dir, binary, s))
			if torch {
				theirs = append(theirs, measureTorch(dir, *python, s)...)
			}
		}
		report(s, ours, theirs, product)
	}
}

// measurement is the time of a step and the peak memory of the process.
type measurement struct {
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu"` // seconds of all processors
	MiB     float64 `json:"mib"`
	Version string  `json:"version"`
	threads threads
}

// threads are the numbers of threads of PyTorch and of its OpenBLAS.
type threads struct{ torch, blas int }

// median returns the median of each field.
func median(ms []measurement) measurement {
	of := func(number func(measurement) float64) float64 {
		var all []float64
		for _, m := range ms {
			all = append(all, number(m))
		}
		slices.Sort(all)
		return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
	}
	m := ms[0]
	m.Seconds = of(func(m measurement) float64 { return m.Seconds })
	m.CPU = of(func(m measurement) float64 { return m.CPU })
	m.MiB = of(func(m measurement) float64 { return m.MiB })
	return m
}

// best returns the median for the fastest numbers of threads.
func best(ms []measurement) measurement {
	by := map[threads][]measurement{}
	for _, m := range ms {
		by[m.threads] = append(by[m.threads], m)
	}
	var all []measurement
	for _, same := range by {
		all = append(all, median(same))
	}
	return slices.MinFunc(all, func(a, b measurement) int { return cmp.Compare(a.Seconds, b.Seconds) })
}

func report(s size, ourRuns, theirRuns []measurement, product float64) {
	tokens, ours := float64(s.Sequences*s.Length), median(ourRuns)
	fmt.Printf("%s ours: %.1f ms a step (CPU %.1f ms), %.0f tokens/s, %.1f GFLOP/s (%.0f %% of the matrix product), %.0f MiB\n",
		s.Name, 1e3*ours.Seconds, 1e3*ours.CPU, tokens/ours.Seconds, s.flops()/ours.Seconds/1e9, 100*s.flops()/ours.Seconds/product, ours.MiB)
	if len(theirRuns) == 0 {
		return
	}
	theirs := best(theirRuns)
	fmt.Printf("%s PyTorch %s, %d threads, %d of OpenBLAS: %.1f ms a step (CPU %.1f ms), %.0f tokens/s, %.0f MiB\n",
		s.Name, theirs.Version, theirs.threads.torch, theirs.threads.blas, 1e3*theirs.Seconds, 1e3*theirs.CPU, tokens/theirs.Seconds, theirs.MiB)
	fmt.Printf("%s ours/PyTorch: speed %.2f, CPU time %.2f, memory %.2f\n", s.Name, theirs.Seconds/ours.Seconds, ours.CPU/theirs.CPU, ours.MiB/theirs.MiB)
}

func measureTorch(dir, python string, s size) []measurement {
	all, cores := []measurement{}, runtime.NumCPU()
	for _, t := range slices.Compact([]threads{{1, 1}, {1, cores}, {cores, cores}}) {
		s.Threads = t.torch
		arg, err := json.Marshal(s)
		must(err)
		c := exec.Command(python, filepath.Join(dir, "peer.py"), string(arg))
		c.Env = append(os.Environ(), fmt.Sprint("OPENBLAS_NUM_THREADS=", t.blas))
		out, err := c.Output()
		must(err)
		m := measurement{threads: t}
		must(json.Unmarshal(out, &m))
		all = append(all, m)
	}
	return all
}

func (s size) study(steps int) string {
	return fmt.Sprintf(`
data "text" "t" {
  source = ["../text.txt"]
}
model "llama" "m" {
  layers = %d
  width  = %d
  heads  = %d
  ffn    = %d
}
norm "rmsnorm" "n" {}
optimizer "adamw" "o" {
  learning_rate = 1e-3
}
train "lm" "one" {
  data      = data.text.t
  model     = model.llama.m
  norm      = norm.rmsnorm.n
  optimizer = optimizer.adamw.o
  steps     = %d
  batch {
    sequences = %d
    length    = %d
  }
  evaluate {
    every   = 100000
    batches = 1
  }
  probe {
    every = 100000
  }
}
`, s.Layers, s.Width, s.Heads, s.FFN, steps, s.Sequences, s.Length)
}

func measureOurs(dir, binary string, s size) measurement {
	few, many := wholeRun(dir, binary, s, 3), wholeRun(dir, binary, s, 3+s.Steps)
	steps := float64(s.Steps)
	return measurement{Seconds: (many.Seconds - few.Seconds) / steps, CPU: (many.CPU - few.CPU) / steps, MiB: many.MiB}
}

// wholeRun trains in an empty store and returns the times and the peak memory.
func wholeRun(dir, binary string, s size, steps int) measurement {
	here, err := os.MkdirTemp(dir, "run")
	must(err)
	defer os.RemoveAll(here)
	must(os.WriteFile(filepath.Join(here, "study.hcl"), []byte(s.study(steps)), 0o600))
	env := append(os.Environ(), "ABLATE_CACHE_DIR="+filepath.Join(here, "store"))
	run := func(args ...string) (m measurement) {
		c := exec.Command(binary, append([]string{"run", "--progress", "none", "--chdir", here}, args...)...)
		c.Env = env
		begin := time.Now()
		if out, err := c.CombinedOutput(); err != nil {
			log.Fatalf("%v\n%s", err, out)
		}
		m.Seconds = time.Since(begin).Seconds()
		m.CPU = (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds()
		if usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
			m.MiB = float64(usage.Maxrss) / 1024
		}
		return m
	}
	run("--target", "data.*", "--target", "model.*", "--target", "norm.*", "--target", "optimizer.*")
	return run()
}

// matrixProduct returns the speed of one large matrix product on the same
// backend, in GFLOP/s.
func matrixProduct() float64 {
	out, err := command("go", "test", "./stages/internal/backend", "-run", "^$", "-bench", "Product").Output()
	must(err)
	m := regexp.MustCompile(`([0-9.e+]+) GFLOP/s`).FindSubmatch(out)
	if m == nil {
		log.Fatalf("no product in\n%s", out)
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	must(err)
	return v * 1e9
}

func command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Stderr = os.Stderr
	return c
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
