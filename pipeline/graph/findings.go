package graph

import (
	"slices"

	"ablate/hcl/diag"
	"ablate/hcl/study"
)

// Findings collects diagnostics of instances. It places them in the source, and
// counts the repeats that the cells of one matrix make.
//
// The zero value is ready to use.
type Findings struct {
	List diag.List
	at   map[finding]int // places in List
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
			f.List[i].Others++
			continue
		}
		if f.at == nil {
			f.at = make(map[finding]int)
		}
		f.at[id] = len(f.List)
		f.List = append(f.List, d)
	}
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
