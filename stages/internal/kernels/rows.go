package kernels

import (
	"reflect"
	"slices"
	"unsafe"
)

// gathering copies whole rows of a table, as embeddings do; the backend's own
// code copies one number at a time.
func gathering(fallback executor) executor {
	return func(backend unsafe.Pointer, n *node, inputs []*buffer, owned []bool) (*buffer, error) {
		table, ok := floats(inputs[0])
		names, width := namesOf(inputs[0], inputs[1])
		// One number names a row, which is the last axis of the result.
		want := map[string][]int{"sliceSizes": {1, width}, "collapsedSlicesAxes": {0}, "startIndexMap": {0}, "offsetOutputAxes": {n.Shape.Rank() - 1}}
		if !ok || n.Shape.IsDynamic() || n.Shape.Size() != len(names)*width || width == 0 || !has(n.Data, want) {
			return fallback(backend, n, inputs, owned)
		}
		out, err := getBuffer(backend, n.Shape)
		if err != nil {
			return nil, err
		}
		y, last := out.Flat.([]float32), len(table)/width-1
		parallel(len(names), width, func(from, to int) {
			for i, name := range names[from:to] {
				copy(y[(from+i)*width:][:width], table[max(0, min(last, int(name)))*width:])
			}
		})
		return out, nil
	}
}

// scattering adds rows to those of a table, one after the other: the gradient of
// gathering.
func scattering(fallback executor) executor {
	return func(backend unsafe.Pointer, n *node, inputs []*buffer, owned []bool) (*buffer, error) {
		table, ok1 := floats(inputs[0])
		rows, ok2 := floats(inputs[2])
		names, width := namesOf(inputs[0], inputs[1])
		want := map[string][]int{"updateWindowAxes": {inputs[2].RawShape.Rank() - 1}, "insertedWindowAxes": {0}, "scatterAxesToOperandAxes": {0}}
		beyond := func(name int32) bool { return name < 0 || int(name) >= len(table)/width }
		if !ok1 || !ok2 || n.Shape.IsDynamic() || width == 0 || len(rows) != len(names)*width || !has(n.Data, want) ||
			slices.ContainsFunc(names, beyond) {
			return fallback(backend, n, inputs, owned)
		}
		out := inputs[0]
		if owned[0] {
			inputs[0] = nil
		} else {
			var err error
			if out, err = getBuffer(backend, n.Shape); err != nil {
				return nil, err
			}
			copy(out.Flat.([]float32), table)
		}
		y := out.Flat.([]float32)
		// Columns are parts that do not touch each other.
		parallel(width, len(names), func(from, to int) {
			for i, name := range names {
				row := y[int(name)*width:][from:to]
				add.both(row, row, rows[i*width:][from:to])
			}
		})
		return out, nil
	}
}

// namesOf are the rows of a table that an index names, and their width; the
// width is 0 where either is something else.
func namesOf(table, index *buffer) (names []int32, width int) {
	names, ok := index.Flat.([]int32)
	if !ok || table.RawShape.Rank() != 2 {
		return nil, 0
	}
	return names, table.RawShape.Dimensions[1]
}

// has says whether a node's data has fields with these axes.
func has(data any, want map[string][]int) bool {
	v := reflect.ValueOf(data)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return false
	}
	for name, axes := range want {
		field := v.Elem().FieldByName(name)
		if !field.IsValid() || field.Type() != reflect.TypeFor[[]int]() || field.Len() != len(axes) {
			return false
		}
		for i, axis := range axes {
			if int(field.Index(i).Int()) != axis {
				return false
			}
		}
	}
	return true
}
