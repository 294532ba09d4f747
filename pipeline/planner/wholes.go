package planner

import (
	"slices"

	"ablate/cache"
	"ablate/pipeline/action"
)

// alignNotes makes two notes comparable of which one has a reference for a whole and
// the other a reference for each of its parts: norm against norm.attention and
// norm.ffn. It gives the first one the parts, too.
func alignNotes(was, now cache.Value) (cache.Value, cache.Value) {
	return withParts(was, now.At("wholes")), withParts(now, was.At("wholes"))
}

// withParts replaces the wholes in notes by the parts that others name for them.
func withParts(notes, wholes cache.Value) cache.Value {
	for _, section := range []string{"inputs", "parts"} {
		in := action.OrEmpty(notes.At(section))
		for _, name := range wholes.Keys() {
			whole := in.At(name)
			if whole.IsZero() {
				continue
			}
			in = without(in, name)
			for _, part := range wholes.At(name).Keys() {
				in = in.With(part, whole)
			}
		}
		notes = notes.With(section, in)
	}
	return notes
}

func without(v cache.Value, name string) cache.Value {
	fields := make(map[string]cache.Value)
	for _, key := range v.Keys() {
		fields[key] = v.At(key)
	}
	delete(fields, name)
	return cache.Map(fields)
}

// typeOfInput reduces an input that one side lacks to its type, which stands for it.
func typeOfInput(d cache.Difference) cache.Difference {
	if len(d.Path) == 2 && d.Path[0] == "inputs" && (d.A.IsZero() || d.B.IsZero()) {
		a, b := d.A.At("type"), d.B.At("type")
		if !a.IsZero() || !b.IsZero() {
			return cache.Difference{Path: append(slices.Clone(d.Path), "type"), A: a, B: b}
		}
	}
	return d
}
