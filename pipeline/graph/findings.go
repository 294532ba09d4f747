package graph

import (
	"slices"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/hcl/study"
)

// Findings collects diagnostics of instances. It places them in the source, and
// counts the repeats that the cells of one matrix make.
//
// The zero value is ready to use.
type Findings struct {
	list   diag.List
	stages []addr.Stage    // of list
	at     map[finding]int // places in list
}

type finding struct {
	summary, detail string
	at              diag.Range
}

// Add adds diagnostics of a node.
func (f *Findings) Add(n *Node, list diag.List) {
	for _, d := range Place(n.Instance, list) {
		id := finding{d.Summary, d.Detail, *d.Range}
		if i, again := f.at[id]; again {
			f.list[i].Others++
			continue
		}
		if f.at == nil {
			f.at = make(map[finding]int)
		}
		f.at[id] = len(f.list)
		f.list, f.stages = append(f.list, d), append(f.stages, n.Instance.Address.Stage)
	}
}

// List returns the diagnostics. Those of all instances of a stage name none of them.
func (f *Findings) List(g *Graph) diag.List {
	for i := range f.list {
		if d := &f.list[i]; d.Others > 0 && d.Others+1 == g.instances(f.stages[i]) {
			d.Address, d.Others = "", 0
		}
	}
	return f.list
}

// instances is the number of instances of a stage.
func (g *Graph) instances(of addr.Stage) (count int) {
	for _, n := range g.Nodes {
		if n.Instance.Address.Stage == of {
			count++
		}
	}
	return count
}

// Place adds the position in the source and the address to diagnostics of an
// instance.
func Place(inst *study.Instance, list diag.List) diag.List {
	out := slices.Clone(list)
	for i := range out {
		d := &out[i]
		if d.Range == nil {
			at := inst.At(d.Path)
			d.Range = &at
		}
		if d.Address == "" {
			d.Address = inst.Address.String()
		}
	}
	return out
}
