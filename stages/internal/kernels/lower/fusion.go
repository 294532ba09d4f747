package lower

import (
	"slices"

	"github.com/gomlx/compute/shapes"

	"ablate/stages/internal/kernels/fuse"
	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/simd"
)

// Fusion is the data of a node of operation hook.OpFusion.
type Fusion struct {
	Program *simd.Program
	Outputs []Output
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
	for i, m := range outputs {
		out := p.Add(m, hook.OpFusion, []*hook.Node{n}, nil)
		out.IsNodeSelectOutput, out.SelectOutputIdx = true, i
		n.MultiOutputsShapes = append(n.MultiOutputsShapes, m.Shape)
		n.MultiOutputsNodes = append(n.MultiOutputsNodes, out)
		fresh[m] = out
	}
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
