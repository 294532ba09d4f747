//go:build unix

// Command train compares training on the CPU with PyTorch and JAX, in turn, in
// separate processes: the same model, batch, clipping and AdamW. A peer uses its
// best number of threads. The time of a step of ours is the difference between a
// run of many steps and a run of few, so that start-up, evaluation and probes
// cancel. It prints the medians of wall time, with the range, and of processor
// time; the latter is more reliable on a busy machine.
//
// Each peer's large product is timed first. A peer whose product is slower than
// half of ours lacks a fast library and is left out. There is no ratio of times that
// cannot be those of a step.
//
//	bench/train/peers.sh DIR
//	go run ./bench/train -python DIR/bin/python [-rounds 5] [-size 0.8M] [-precision fp32] [-peers eager,compile,jit]
package main

import (
	"cmp"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// size is one model with its batch.
type size struct {
	Name       string `json:"-"`
	Model      string `json:"model"`
	Layers     int    `json:"layers"`
	Width      int    `json:"width"`
	Heads      int    `json:"heads"`
	FFN        int    `json:"ffn"`
	Vocabulary int    `json:"vocabulary"`
	Sequences  int    `json:"sequences"`
	Length     int    `json:"length"`
	Steps      int    `json:"steps"`
	Precision  string `json:"precision"`
	Threads    int    `json:"threads"` // of a peer
	Mode       string `json:"mode"`    // of a peer
}

var sizes = []size{
	{Name: "0.8M", Model: "llama", Layers: 4, Width: 128, Heads: 4, FFN: 344, Vocabulary: 256, Sequences: 8, Length: 128, Steps: 40},
	{Name: "0.8M-gpt2", Model: "gpt2", Layers: 4, Width: 128, Heads: 4, FFN: 512, Vocabulary: 256, Sequences: 8, Length: 128, Steps: 40},
	{Name: "4.8M", Model: "llama", Layers: 6, Width: 256, Heads: 8, FFN: 688, Vocabulary: 256, Sequences: 8, Length: 128, Steps: 12},
	{Name: "4.8M-gpt2", Model: "gpt2", Layers: 6, Width: 256, Heads: 8, FFN: 1024, Vocabulary: 256, Sequences: 8, Length: 128, Steps: 12},
	{Name: "30M", Model: "llama", Layers: 6, Width: 384, Heads: 6, FFN: 1024, Vocabulary: 50257, Sequences: 8, Length: 128, Steps: 12},
}

// flops is the arithmetic of a step: 6 for each weight of a product and token,
// and attention's own.
func (s size) flops() float64 {
	matrices := 3 // of the feed-forward layer
	if s.Model == "gpt2" {
		matrices = 2
	}
	weights := s.Layers*(4*s.Width*s.Width+matrices*s.Width*s.FFN) + s.Vocabulary*s.Width
	return float64(s.Sequences*s.Length) * float64(6*weights+12*s.Layers*s.Width*s.Length)
}

func main() {
	log.SetFlags(0)
	rounds := flag.Int("rounds", 5, "rounds of each")
	python := flag.String("python", "/usr/bin/python3", "a Python with torch and jax, or one of them")
	only := flag.String("size", "0.8M,4.8M", "sizes, with commas: "+strings.Join(sizeNames(), ", "))
	precisions := flag.String("precision", "fp32", "fp32, bf16, or both with a comma")
	modes := flag.String("peers", "eager,compile,jit", "PyTorch eager, torch.compile and JAX jit; empty for none")
	flag.Parse()
	dir, err := os.MkdirTemp("", "ablate-train")
	must(err)
	defer os.RemoveAll(dir)
	binary := prepare(dir)
	product := matrixProduct()
	fmt.Printf("ours: matrix product 1024x1024x1024: %.1f GFLOP/s on %d cores\n", product/1e9, runtime.NumCPU())
	for _, precision := range strings.Split(*precisions, ",") {
		peers := findPeers(dir, *python, strings.Split(*modes, ","), precision, product)
		for _, name := range strings.Split(*only, ",") {
			i := slices.Index(sizeNames(), name)
			if i < 0 {
				log.Fatalf("unknown size %q; known are %s", name, strings.Join(sizeNames(), ", "))
			}
			s := sizes[i]
			s.Precision = precision
			compare(dir, binary, s, peers, *rounds, product)
		}
	}
}

func sizeNames() []string {
	var names []string
	for _, s := range sizes {
		names = append(names, s.Name)
	}
	return names
}

// compare measures ours and the peers in turn and prints the medians.
func compare(dir, binary string, s size, peers []peer, rounds int, product float64) {
	var ours []measurement
	theirs := make([][]measurement, len(peers))
	for range rounds {
		ours = append(ours, measureOurs(dir, binary, s))
		for i, p := range peers {
			theirs[i] = append(theirs[i], p.measure(s)...)
		}
	}
	o := median(ours)
	fmt.Printf("%s %s ours: %s, %.1f GFLOP/s (%.0f %% of the matrix product)\n", s.Name, s.Precision, o.text(s), s.flops()/o.Seconds/1e9, 100*s.flops()/o.Seconds/product)
	for i, p := range peers {
		b := best(theirs[i])
		fmt.Printf("%s %s %s %s, %d threads: %s\n", s.Name, s.Precision, p.name, p.version, b.threads, b.text(s))
		if doubt := cmp.Or(o.doubt(), b.doubt()); doubt != "" {
			fmt.Printf("%s %s ours/%s: no ratio, since %s\n", s.Name, s.Precision, p.name, doubt)
			continue
		}
		fmt.Printf("%s %s ours/%s: speed %.2f, CPU time %.2f, memory %.2f\n", s.Name, s.Precision, p.name, b.Seconds/o.Seconds, o.CPU/b.CPU, o.MiB/b.MiB)
	}
}

// measurement is the time of a step and the peak memory of the process.
type measurement struct {
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu"` // seconds of all processors
	MiB     float64 `json:"mib"`
	Fastest float64 `json:"fastest"` // step in seconds, 0 if unknown
	threads int
	lowest  float64 // seconds of several measurements
	highest float64
}

// doubt says why this cannot be the time of a step, or nothing. Steps that become slower
// compute with other numbers, such as subnormal ones.
func (m measurement) doubt() string {
	switch cores := float64(runtime.NumCPU()); {
	case m.CPU > 1.25*cores*m.Seconds:
		return fmt.Sprintf("%.0f ms of processor time do not fit into %.0f ms", 1e3*m.CPU, 1e3*m.Seconds)
	case m.Fastest > 0 && m.Seconds > 2*m.Fastest:
		return fmt.Sprintf("a step of the peer takes %.0f to %.0f ms", 1e3*m.Fastest, 1e3*m.Seconds)
	}
	return ""
}

func (m measurement) text(s size) string {
	return fmt.Sprintf("%.1f ms a step (%.1f to %.1f; CPU %.1f ms), %.0f tokens/s, %.0f MiB",
		1e3*m.Seconds, 1e3*m.lowest, 1e3*m.highest, 1e3*m.CPU, float64(s.Sequences*s.Length)/m.Seconds, m.MiB)
}

// median returns the median of each field.
func median(ms []measurement) measurement {
	of := func(number func(measurement) float64) (middle, lowest, highest float64) {
		var all []float64
		for _, m := range ms {
			all = append(all, number(m))
		}
		slices.Sort(all)
		return (all[(len(all)-1)/2] + all[len(all)/2]) / 2, all[0], all[len(all)-1]
	}
	m := ms[0]
	m.Seconds, m.lowest, m.highest = of(func(m measurement) float64 { return m.Seconds })
	m.CPU, _, _ = of(func(m measurement) float64 { return m.CPU })
	m.MiB, _, _ = of(func(m measurement) float64 { return m.MiB })
	m.Fastest, _, _ = of(func(m measurement) float64 { return m.Fastest })
	return m
}

// best returns the median for the fastest number of threads.
func best(ms []measurement) measurement {
	by := map[int][]measurement{}
	for _, m := range ms {
		by[m.threads] = append(by[m.threads], m)
	}
	var all []measurement
	for _, same := range by {
		all = append(all, median(same))
	}
	return slices.MinFunc(all, func(a, b measurement) int { return cmp.Compare(a.Seconds, b.Seconds) })
}

// matrixProduct returns the speed of one large matrix product on the same backend:
// the fastest of a few, as for the peers.
func matrixProduct() float64 {
	out, err := command("go", "test", "./stages/internal/backend", "-run", "^$", "-bench", "Product", "-benchtime", "10x", "-count", "5").Output()
	must(err)
	fastest := 0.0
	for _, m := range regexp.MustCompile(`([0-9.e+]+) GFLOP/s`).FindAllSubmatch(out, -1) {
		v, err := strconv.ParseFloat(string(m[1]), 64)
		must(err)
		fastest = max(fastest, v)
	}
	if fastest == 0 {
		log.Fatalf("no product in\n%s", out)
	}
	return fastest * 1e9
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
