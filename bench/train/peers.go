//go:build unix

package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
)

var (
	//go:embed peer.py
	torchProgram []byte

	//go:embed peer_jax.py
	jaxProgram []byte
)

// peer is another program that trains the same model.
type peer struct {
	name    string
	mode    string
	version string

	python, script string
}

// findPeers returns the peers that this Python has, after timing the product of
// each.
func findPeers(dir, python string, modes []string, precision string, ours float64) []peer {
	must(os.WriteFile(filepath.Join(dir, "peer.py"), torchProgram, 0o600))
	must(os.WriteFile(filepath.Join(dir, "peer_jax.py"), jaxProgram, 0o600))
	var found []peer
	for _, p := range []peer{
		{name: "PyTorch eager", mode: "eager", script: "peer.py"},
		{name: "torch.compile", mode: "compile", script: "peer.py"},
		{name: "JAX jit", mode: "jit", script: "peer_jax.py"},
	} {
		p.python, p.script = python, filepath.Join(dir, p.script)
		if slices.Contains(modes, p.mode) && p.find(precision, ours) {
			found = append(found, p)
		}
	}
	return found
}

// find times the peer's product. It reports false if this Python lacks the peer, or
// if the product shows that it lacks a fast library.
func (p *peer) find(precision string, ours float64) bool {
	var product struct {
		Product          float64
		Library, Version string
	}
	if err := p.run(size{Mode: "product", Precision: precision, Threads: runtime.NumCPU()}, &product); err != nil {
		fmt.Printf("%s is left out: %s cannot run it: %v\n", p.name, p.python, err)
		return false
	}
	p.version = product.Version
	fmt.Printf("%s %s: matrix product in %s with %s: %.1f GFLOP/s on %d cores, %.2f of ours in fp32\n",
		p.name, p.version, precision, product.Library, product.Product/1e9, runtime.NumCPU(), product.Product/ours)
	if product.Product < ours/2 {
		fmt.Printf("%s is left out: its product is slower than half of ours, so a ratio would say nothing\n", p.name)
		return false
	}
	return true
}

// measure trains with one thread, and with one for each core.
func (p peer) measure(s size) []measurement {
	var all []measurement
	s.Mode = p.mode
	for _, s.Threads = range slices.Compact([]int{1, runtime.NumCPU()}) {
		m := measurement{threads: s.Threads}
		must(p.run(s, &m))
		all = append(all, m)
	}
	return all
}

// run runs the peer's program and decodes what it prints.
func (p peer) run(s size, into any) error {
	arg, err := json.Marshal(s)
	must(err)
	c := exec.Command(p.python, p.script, string(arg))
	c.Env = append(os.Environ(), fmt.Sprint("OPENBLAS_NUM_THREADS=", s.Threads))
	out, err := c.Output()
	if err != nil {
		return err
	}
	return json.Unmarshal(out, into)
}
