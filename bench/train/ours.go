//go:build unix

package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// prepare builds the program and writes the text, and returns the program's path.
func prepare(dir string) string {
	binary := filepath.Join(dir, "ablate")
	must(command("go", "build", "-o", binary, "./cmd/ablate").Run())
	must(os.WriteFile(filepath.Join(dir, "text.txt"), []byte(strings.Repeat("the quick brown fox jumps over the lazy dog\n", 20000)), 0o600))
	return binary
}

// study is the study that trains a model of this size.
func (s size) study(steps int) string {
	norm, tokenizer := "rmsnorm", "bytes"
	if s.Model == "gpt2" {
		norm = "layernorm"
	}
	if s.Vocabulary > 256 {
		tokenizer = "gpt2"
	}
	return fmt.Sprintf(`
data "text" "t" {
  source    = ["../text.txt"]
  tokenizer = %q
}
model %q "m" {
  layers = %d
  width  = %d
  heads  = %d
  ffn    = %d
}
norm %q "n" {}
optimizer "adamw" "o" {
  learning_rate = 1e-3
}
train "lm" "one" {
  data      = data.text.t
  model     = model.%s.m
  norm      = norm.%s.n
  optimizer = optimizer.adamw.o
  steps     = %d
  precision = %q
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
`, tokenizer, s.Model, s.Layers, s.Width, s.Heads, s.FFN, norm, s.Model, norm, steps, s.Precision, s.Sequences, s.Length)
}

// warmUp is how many steps a run makes that are not measured. During the first ones large
// initial weights are still being written.
const warmUp = 8

// measureOurs compares two whole runs.
func measureOurs(dir, binary string, s size) measurement {
	few, many := wholeRun(dir, binary, s, warmUp), wholeRun(dir, binary, s, warmUp+s.Steps)
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
