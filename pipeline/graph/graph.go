// Package graph links a loaded study into a graph of instances, each with its kind
// and its decoded spec. A graph does not change once it is built.
package graph

import (
	"fmt"
	"iter"
	"slices"
	"sync"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/action"
)

// Graph is a study's instances in dependency order, each with its kind.
type Graph struct {
	Study *study.Study

	Nodes  []*Node // a topological order: by level, then in the study's order
	Levels [][]*Node
	byAddr map[addr.Instance]*Node
	kinds  map[kindName]*action.Kind
	users  func() [][]*Node // by Node.Index; made when a run first asks, since a plan does not
}

type kindName struct{ block, typ string }

// Node is an instance with its place in the graph.
type Node struct {
	Instance *study.Instance
	Kind     *action.Kind
	Stage    pipeline.Stage
	Needs    []Need // in the order of the spec; shared by cells that refer to the same instances
	Index    int    // in Graph.Nodes
	level    int    // 1 + the deepest dependency's; 0 until it is known
}

// Need is an attribute with references, and what they refer to.
type Need struct {
	Attr string
	On   []*Node
}

// SharesNeeds reports whether two nodes are known to refer to the same instances. It
// is true of consecutive cells that differ only in levels that are no references.
func (n *Node) SharesNeeds(other *Node) bool {
	return len(n.Needs) > 0 && len(n.Needs) == len(other.Needs) && &n.Needs[0] == &other.Needs[0]
}

// Deps yields the nodes that the node refers to.
func (n *Node) Deps() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		for _, need := range n.Needs {
			for _, dep := range need.On {
				if !yield(dep) {
					return
				}
			}
		}
	}
}

// LanguageKinds returns the language's view of the kinds.
func LanguageKinds(kinds []pipeline.Kind) []study.Kind {
	out := make([]study.Kind, len(kinds))
	for i, k := range kinds {
		out[i] = study.Kind{Block: k.Block, Type: k.Type, Matrix: k.Role == pipeline.Trial, New: func() any { return k.New() }}
	}
	return out
}

// Build links a loaded study into a graph and validates every spec. The study
// must have been loaded with the same kinds and without errors.
func Build(study *study.Study, kinds []pipeline.Kind) (*Graph, diag.List) {
	g := &Graph{
		Study:  study,
		byAddr: make(map[addr.Instance]*Node, len(study.Instances)),
		kinds:  make(map[kindName]*action.Kind, len(kinds)),
	}
	for _, k := range kinds {
		g.kinds[kindName{k.Block, k.Type}] = action.NewKind(k)
	}
	nodes := make([]Node, len(study.Instances))
	all := make([]*Node, len(nodes))
	for i, inst := range study.Instances {
		n := &nodes[i]
		*n = Node{Instance: inst, Kind: g.kindOf(inst), Stage: inst.Spec.(pipeline.Stage)}
		all[i] = n
		g.byAddr[inst.Address] = n
	}
	g.linkAll(all)
	g.order(all)
	g.users = sync.OnceValue(func() [][]*Node { return usersOf(all) })
	return g, g.validate()
}

func (g *Graph) kindOf(inst *study.Instance) *action.Kind {
	s := inst.Address.Stage
	k := g.kinds[kindName{s.Block, s.Type}]
	if k == nil {
		panic(fmt.Sprintf("graph: study holds %s, of no known kind", inst.Address))
	}
	return k
}

// linkAll resolves the references of all nodes. A node that refers to the same
// instances as the one before it shares its needs.
func (g *Graph) linkAll(all []*Node) {
	var refs, before []study.Edge
	for i, n := range all {
		refs = n.Instance.AppendRefs(refs[:0])
		if len(refs) > 0 && slices.Equal(refs, before) {
			n.Needs = all[i-1].Needs
		} else {
			n.Needs = g.needs(n, refs)
		}
		refs, before = before, refs
	}
}

// Users lists the nodes that refer to a node, in the study's order.
func (g *Graph) Users(n *Node) []*Node { return g.users()[n.Index] }

func usersOf(all []*Node) [][]*Node {
	users := make([][]*Node, len(all))
	for _, n := range all {
		for dep := range n.Deps() {
			users[dep.Index] = append(users[dep.Index], n)
		}
	}
	return users
}

// needs groups the references of a node, which are in the order of its spec, by
// attribute.
func (g *Graph) needs(n *Node, refs []study.Edge) []Need {
	all := make([]*Node, len(refs))
	for i, edge := range refs {
		if all[i] = g.byAddr[edge.Target]; all[i] == nil {
			panic(fmt.Sprintf("graph: %s refers to %s, which the study lacks", n.Instance.Address, edge.Target))
		}
	}
	var needs []Need
	for i := 0; i < len(refs); {
		j := i + 1
		for j < len(refs) && refs[j].Path == refs[i].Path {
			j++
		}
		needs = append(needs, Need{refs[i].Path, all[i:j:j]})
		i = j
	}
	return needs
}

// order assigns levels and the topological order. The language rejects cycles.
func (g *Graph) order(all []*Node) {
	var visit func(n *Node) int
	visit = func(n *Node) int {
		if n.level == 0 {
			deepest := 0
			for dep := range n.Deps() {
				deepest = max(deepest, visit(dep))
			}
			n.level = deepest + 1
		}
		return n.level
	}
	for _, n := range all {
		level := visit(n)
		for len(g.Levels) < level {
			g.Levels = append(g.Levels, nil)
		}
		g.Levels[level-1] = append(g.Levels[level-1], n)
	}
	g.Nodes = slices.Concat(g.Levels...)
	for i, n := range g.Nodes {
		n.Index = i
	}
}

// validate checks every spec on its own, and then against what the instances that
// it refers to declare. A spec is not compared with invalid ones.
func (g *Graph) validate() diag.List {
	var found Findings
	invalid := make([]bool, len(g.Nodes))
	for i, n := range g.Nodes {
		list := n.Stage.Validate()
		found.Add(n, list)
		invalid[i] = list.HasErrors()
	}
	var declared pipeline.Inputs
	of := new(Node) // whose inputs these are
	for i, n := range g.Nodes {
		c, ok := n.Stage.(pipeline.Checker)
		if !ok || invalid[i] || dependsOn(n, invalid) {
			continue
		}
		if !n.SharesNeeds(of) {
			declared, of = g.declared(n), n
		}
		found.Add(n, c.Check(declared))
	}
	return found.List(g)
}

// dependsOn reports whether a node refers to one of the marked ones itself. What these
// refer to in turn does not count: a mistake in a norm hides none in the analysis of its
// trials.
func dependsOn(n *Node, marked []bool) bool {
	for dep := range n.Deps() {
		if marked[dep.Index] {
			return true
		}
	}
	return false
}

// declared returns what a node's inputs declare before anything has run.
func (g *Graph) declared(n *Node) pipeline.Inputs {
	in := pipeline.Inputs{
		Study: pipeline.StudyInfo{Name: g.Study.Name, Seed: g.Study.Seed, Dir: g.Study.Dir},
		Refs:  make(map[string][]pipeline.Input, len(n.Needs)),
	}
	for _, need := range n.Needs {
		refs := make([]pipeline.Input, len(need.On))
		for i, dep := range need.On {
			refs[i] = pipeline.Input{Address: dep.Instance.Address, Label: dep.Instance.Label, Factors: dep.Instance.Factors, Stage: dep.Stage,
				Declared: func() pipeline.Inputs { return g.declared(dep) }}
		}
		in.Refs[need.Attr] = refs
	}
	return in
}

// Edge is one arrow of the graph.
type Edge struct{ From, To addr.Instance }

// Edges lists what depends on what, in the graph's order.
func (g *Graph) Edges() []Edge {
	var out []Edge
	for _, n := range g.Nodes {
		for dep := range n.Deps() {
			out = append(out, Edge{From: dep.Instance.Address, To: n.Instance.Address})
		}
	}
	return out
}

// Node returns the node at an address, or nil.
func (g *Graph) Node(a addr.Instance) *Node { return g.byAddr[a] }

// Instance returns the instance at an address, or nil.
func (g *Graph) Instance(a addr.Instance) *study.Instance {
	if n := g.byAddr[a]; n != nil {
		return n.Instance
	}
	return nil
}

// Addresses lists every instance in dependency order.
func (g *Graph) Addresses() []addr.Instance {
	out := make([]addr.Instance, len(g.Nodes))
	for i, n := range g.Nodes {
		out[i] = n.Instance.Address
	}
	return out
}
