package lower

import (
	"slices"

	"github.com/gomlx/compute/shapes"

	"ablate/stages/internal/kernels/hook"
	"ablate/stages/internal/kernels/simd"
)

// chainWriter makes the node of a chain.
type chainWriter struct {
	*chainBuilder
	chain   *simd.Chain
	fusion  Fusion
	inputs  []*hook.Node
	outputs []*hook.Node // of its nodes
	slots   map[*hook.Node]simd.Slot
	scratch arena
}

func (w *chainWriter) write() {
	uses := w.uses()
	for i, n := range w.nodes {
		w.stage(n, w.stages[i], func(v *hook.Node) bool { return uses[v] == lifetime{last: i} })
		for _, v := range append(slices.Clone(n.Inputs), results(n)...) {
			if slot := w.slots[v]; slot.Memory == simd.Scratch && uses[v].last <= i {
				w.scratch.release(slot.Index, slot.Part)
				delete(w.slots, v)
			}
		}
	}
	w.chain.Scratch = w.scratch.size
	w.fusion.Program = w.chain
	n := w.Add(w.outputs[0], hook.OpFusion, w.inputs, &w.fusion)
	n.Shape = shapes.Invalid()
	for _, out := range w.outputs {
		w.Replace(out, addOutput(w.Graph, n, out))
	}
}

// lifetime is how a chain reads a value.
type lifetime struct {
	last  int  // the last stage that does
	whole bool // a part reads all of it
}

// uses returns how the chain reads values.
func (w *chainWriter) uses() map[*hook.Node]lifetime {
	out := map[*hook.Node]lifetime{}
	for i, n := range w.nodes {
		for k, in := range n.Inputs {
			out[in] = lifetime{i, out[in].whole || w.stages[i].inputs[k] == 0}
		}
	}
	return out
}

// stage adds the stage of a node. isFree reports whether no later stage of the chain reads
// a value, and every stage only its own part of it.
func (w *chainWriter) stage(n *hook.Node, s stage, isFree func(*hook.Node) bool) {
	out := simd.Stage{Product: s.product, Program: s.program}
	for i, in := range n.Inputs {
		out.Inputs = append(out.Inputs, w.input(in, s.inputs[i]))
	}
	if s.swapped {
		slices.Reverse(out.Inputs)
	}
	for i, v := range results(n) {
		slot := simd.Slot{Memory: simd.Scratch, Part: s.outputs[i]}
		if !w.isOutput(v) {
			slot.Index = w.scratch.take(slot.Part)
		} else if output := w.addOutput(v, inPlace(n, out.Inputs, i, isFree)); len(w.fusion.Outputs[output].InPlace) > 0 {
			slot.Memory, slot.Index = simd.Output, output
		} else {
			slot.Index = w.scratch.take(slot.Part)
			out.Copies = append(out.Copies, simd.Copy{From: slot, Output: output})
		}
		out.Outputs, w.slots[v] = append(out.Outputs, slot), slot
	}
	w.chain.Stages = append(w.chain.Stages, out)
}

// results returns the nodes that are a node's outputs.
func results(n *hook.Node) []*hook.Node {
	if n.MultiOutputsNodes != nil {
		return n.MultiOutputsNodes
	}
	return []*hook.Node{n}
}

// input returns where a stage finds a value.
func (w *chainWriter) input(v *hook.Node, part int) simd.Slot {
	if slot, ok := w.slots[v]; ok {
		return slot
	}
	at := slices.Index(w.inputs, v)
	if at < 0 {
		at = len(w.inputs)
		w.inputs = append(w.inputs, v)
	}
	return simd.Slot{Memory: simd.Input, Index: at, Part: part}
}

// isOutput reports whether others need a value.
func (w *chainWriter) isOutput(v *hook.Node) bool {
	return w.IsResult(v) || slices.ContainsFunc(w.Users(v), func(u *hook.Node) bool { return !w.inside[u] })
}

// addOutput adds an output of the chain, and returns its index.
func (w *chainWriter) addOutput(v *hook.Node, inPlace []int) int {
	w.outputs = append(w.outputs, v)
	w.fusion.Outputs = append(w.fusion.Outputs, Output{v.Shape, inPlace})
	return len(w.outputs) - 1
}

// inPlace returns the inputs of the chain whose memory output i of a node may reuse:
// those of which each part is read for the last time when the same part of the output is
// written.
func inPlace(n *hook.Node, inputs []simd.Slot, i int, isFree func(*hook.Node) bool) []int {
	fusion, ok := n.Data.(*Fusion)
	if !ok {
		return nil
	}
	var out []int
	for _, k := range fusion.Outputs[i].InPlace {
		if from := inputs[k]; from.Memory == simd.Input && from.Part != 0 && isFree(n.Inputs[k]) {
			out = append(out, from.Index)
		}
	}
	return out
}
