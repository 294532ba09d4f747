package lower

import (
	"runtime"
	"slices"

	"ablate/stages/internal/kernels/fuse"
	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/simd"
)

const (
	// chainFactors is about how many numbers the factors of a chain have that are the
	// same for all parts, so that they stay in the second cache.
	chainFactors = 1 << 18

	// chainRows is about how many rows of a product a part has at least.
	chainRows = 128
)

// Chains replaces products and fusions that feed each other by chains, which compute
// them part by part. That pays where products take little time beside reading and writing
// memory: where the processor multiplies bfloat16 factors.
func Chains(g *fuse.Graph) {
	g.Refresh()
	b := &chainBuilder{Graph: g, parts: chainParts(g)}
	if b.parts < 2 {
		return
	}
	for _, n := range slices.Clone(g.Live) {
		b.add(n)
	}
	b.close()
	g.Refresh()
}

// chainParts returns into how many parts chains are divided: as many as there are
// sequences in the batch, or fewer.
func chainParts(g *fuse.Graph) int {
	parts, rows := 0, 0
	for _, n := range g.Live {
		p, ok := n.Data.(*Product)
		if !ok || !p.Half {
			continue
		}
		for _, l := range p.Batch {
			if l.A != 0 && l.B != 0 && l.C*l.Extent == n.Shape.Size() {
				parts, rows = greatestDivisor(parts, l.Extent), max(rows, p.M)
			}
		}
	}
	cores := runtime.GOMAXPROCS(0)
	for rows < chainRows && parts%2 == 0 && parts >= 4*cores {
		parts, rows = parts/2, 2*rows
	}
	if parts%cores != 0 && parts < 4*cores {
		return 0
	}
	return parts
}

// greatestDivisor returns the greatest common divisor of a and b, where 0 is divided by
// all.
func greatestDivisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// chainBuilder collects the nodes of one chain after another.
type chainBuilder struct {
	*fuse.Graph
	parts int

	nodes   []*hook.Node // of the chain, in an order of execution
	stages  []stage
	factors int
	inside  map[*hook.Node]bool // nodes and their outputs
	after   map[*hook.Node]bool // other nodes that need one of them
	read    map[*hook.Node]bool // nodes of which a part reads a part
}

// knows reports whether the chain computes or reads parts of a value.
func (b *chainBuilder) knows(v *hook.Node) bool { return b.inside[v] || b.read[v] }

// reads reports whether the stage of n reads parts of a value for which f holds.
func (s stage) reads(n *hook.Node, f func(*hook.Node) bool) bool {
	for i, in := range n.Inputs {
		if s.inputs[i] != 0 && f(in) {
			return true
		}
	}
	return false
}

// add adds a node to the chain, or to the next one, if a chain can have it.
func (b *chainBuilder) add(n *hook.Node) {
	if n.IsNodeSelectOutput && b.inside[n.Inputs[0]] {
		b.inside[n] = true
		return
	}
	s, ok := split(n, b.parts)
	ok = ok && s.factors(n) <= chainFactors && s.reads(n, func(*hook.Node) bool { return true })
	switch {
	case !ok:
	case !b.fits(n, s), len(b.nodes) == 1 && !s.reads(n, b.knows):
		b.close()
	default:
		ok = len(b.nodes) == 0 || s.reads(n, b.knows)
	}
	if !ok {
		if slices.ContainsFunc(n.Inputs, func(in *hook.Node) bool { return b.inside[in] || b.after[in] }) {
			b.after[n] = true
		}
		return
	}
	if b.inside == nil {
		b.inside, b.after, b.read = map[*hook.Node]bool{}, map[*hook.Node]bool{}, map[*hook.Node]bool{}
	}
	b.nodes, b.stages, b.inside[n] = append(b.nodes, n), append(b.stages, s), true
	for i, in := range n.Inputs {
		if s.inputs[i] != 0 {
			b.read[in] = true
		}
	}
	b.factors += s.factors(n)
}

// fits reports whether the chain can have another node.
func (b *chainBuilder) fits(n *hook.Node, s stage) bool {
	for i, in := range n.Inputs {
		if b.after[in] || b.inside[in] && s.inputs[i] == 0 {
			return false
		}
	}
	return b.factors+s.factors(n) <= chainFactors
}

// factors returns how many numbers of a product's factor all parts read.
func (s stage) factors(n *hook.Node) int {
	size := 0
	for i, in := range n.Inputs {
		if s.product != nil && s.inputs[i] == 0 {
			size += in.Shape.Size()
		}
	}
	return size
}

// close replaces the nodes of the chain by one, and begins the next chain.
func (b *chainBuilder) close() {
	if len(b.nodes) > 1 {
		w := &chainWriter{chainBuilder: b, chain: &simd.Chain{Parts: b.parts}, slots: map[*hook.Node]simd.Slot{}}
		w.write()
	}
	b.nodes, b.stages, b.factors, b.inside, b.after, b.read = nil, nil, 0, nil, nil, nil
}
