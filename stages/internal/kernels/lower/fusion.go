package lower

import (
	"slices"

	"github.com/gomlx/compute/shapes"

	"ablate/stages/internal/kernels/fuse"
	"ablate/stages/internal/kernels/hook"
)

// Fusion is the data of a node of operation hook.OpFusion.
type Fusion struct {
	Program Program
	Outputs []Output
}

// Program is a *simd.Program, or a *simd.Chain.
type Program interface {
	Run(outputs, inputs [][]float32, ints [][]int32)
}

// Output is an output of a fusion node.
type Output struct {
	Shape   shapes.Shape
	InPlace []int // inputs whose memory the output may reuse
}

// Fusions replaces the members of groups that others use by outputs of one node for
// each group.
func Fusions(p *fuse.Partition, t *fuse.Triangles) {
	needed := neededMembers(p)
	causal := causalGroups(p, t, needed)
	fresh := map[*hook.Node]*hook.Node{}
	for _, s := range p.Groups {
		outputs := slices.DeleteFunc(slices.Clone(s.Members), func(m *hook.Node) bool { return !needed[m] })
		if len(outputs) > 0 {
			replaceGroup(p, s, outputs, fresh, causal[s])
		}
	}
	p.Redirect(fresh)
}

// replaceGroup adds the node of a group, and a node for each of its outputs.
func replaceGroup(p *fuse.Partition, s *fuse.Group, outputs []*hook.Node, fresh map[*hook.Node]*hook.Node, causal bool) {
	fusion, inputs := compile(p, s, outputs, causal)
	n := p.Add(outputs[0], hook.OpFusion, inputs, fusion)
	n.Shape = shapes.Invalid()
	for _, m := range outputs {
		fresh[m] = addOutput(p.Graph, n, m)
	}
}

// addOutput adds the next output of a node, with the shape of another node.
func addOutput(g *fuse.Graph, n, like *hook.Node) *hook.Node {
	out := g.Add(like, hook.OpFusion, []*hook.Node{n}, nil)
	out.IsNodeSelectOutput, out.SelectOutputIdx = true, len(n.MultiOutputsNodes)
	n.MultiOutputsShapes = append(n.MultiOutputsShapes, like.Shape)
	n.MultiOutputsNodes = append(n.MultiOutputsNodes, out)
	return out
}

// neededMembers finds the members that are used outside of their groups.
func neededMembers(p *fuse.Partition) map[*hook.Node]bool {
	needed, seen, done := map[*hook.Node]bool{}, map[*hook.Node]bool{}, map[*fuse.Group]bool{}
	var visit func(n *hook.Node)
	visit = func(n *hook.Node) {
		s := p.Of[n]
		if s == nil {
			if !seen[n] {
				seen[n] = true
				for _, in := range n.Inputs {
					visit(in)
				}
			}
			return
		}
		needed[n] = true
		if done[s] {
			return
		}
		done[s] = true
		for _, m := range s.Members {
			for _, o := range p.Operands(m, s) {
				if !s.Has(o.Source) {
					visit(o.Source)
				}
			}
		}
	}
	for _, n := range p.Results() {
		visit(n)
	}
	return needed
}
