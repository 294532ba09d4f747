package lower

import (
	"slices"

	"ablate/stages/internal/kernels/fuse"
	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/simd"
)

const (
	// chainFactors limits the numbers of the factors that all parts of a chain read, so
	// that they stay in the second cache once they are packed.
	chainFactors = 1 << 18

	// chainRows is how many rows of a product a part should have. Parts with fewer are
	// joined in pairs while enough remain for all cores.
	chainRows = 128
)

// Chains replaces products and fusions that feed each other by chains, which compute
// them part by part. That pays where products take little time beside reading and writing
// memory: where the processor multiplies bfloat16 factors. The cores share the parts.
func Chains(g *fuse.Graph, cores int) {
	g.Refresh()
	b := &chainBuilder{Graph: g, parts: chainParts(g, cores)}
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
// sequences in the batch, or fewer. It returns 0 where the cores could not share them
// about equally: one would work while the others wait.
func chainParts(g *fuse.Graph, cores int) int {
	parts, rows := 0, 0
	for _, n := range g.Live {
		p, ok := n.Data.(*Product)
		if !ok || !p.Half {
			continue
		}
		for _, l := range p.Batch {
			if l.A != 0 && l.B != 0 && l.C*l.Extent == n.Shape.Size() {
				parts, rows = gcd(parts, l.Extent), max(rows, p.M)
			}
		}
	}
	for rows < chainRows && parts%2 == 0 && parts >= 4*cores {
		parts, rows = parts/2, 2*rows
	}
	if parts%cores != 0 && parts < 4*cores {
		return 0
	}
	return parts
}

// gcd returns the greatest common divisor; that of 0 and b is b.
func gcd(a, b int) int {
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

// add adds a node to the chain, or to the next one, if a chain can have it.
func (b *chainBuilder) add(n *hook.Node) {
	if n.IsNodeSelectOutput && b.inside[n.Inputs[0]] {
		b.inside[n] = true
		return
	}
	s, ok := split(n, b.parts)
	if !ok || s.factors(n) > chainFactors || !s.reads(n, func(*hook.Node) bool { return true }) {
		b.skip(n)
		return
	}
	if !b.fits(n, s) || len(b.nodes) == 1 && !s.reads(n, b.knows) {
		b.close()
	}
	if len(b.nodes) > 0 && !s.reads(n, b.knows) {
		b.skip(n)
		return
	}
	b.append(n, s)
}

// skip leaves a node outside of the chain.
func (b *chainBuilder) skip(n *hook.Node) {
	if slices.ContainsFunc(n.Inputs, func(in *hook.Node) bool { return b.inside[in] || b.after[in] }) {
		b.after[n] = true
	}
}

func (b *chainBuilder) append(n *hook.Node, s stage) {
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

// close replaces the nodes of the chain by one, and begins the next chain.
func (b *chainBuilder) close() {
	if len(b.nodes) > 1 {
		w := &chainWriter{chainBuilder: b, chain: &simd.Chain{Parts: b.parts}, slots: map[*hook.Node]simd.Slot{}}
		w.write()
	}
	b.nodes, b.stages, b.factors, b.inside, b.after, b.read = nil, nil, 0, nil, nil, nil
}
