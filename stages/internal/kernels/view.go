package kernels

import "slices"

// part is a stretch of elements that lie equally far apart.
type part struct{ size, stride int }

// view is a shape over the elements of a buffer without a copy: where the first
// one lies, and for each axis the parts that make it up, outermost first. An axis
// of one element has none. A stride of 0 repeats.
type view struct {
	at   int
	axes [][]part
}

// contiguous is the view of a whole buffer.
func contiguous(dims []int) view {
	v := view{axes: make([][]part, len(dims))}
	stride := 1
	for i := len(dims) - 1; i >= 0; i-- {
		if dims[i] > 1 {
			v.axes[i] = []part{{dims[i], stride}}
		}
		stride *= dims[i]
	}
	return v
}

// size is the number of elements of an axis.
func size(axis []part) int {
	n := 1
	for _, r := range axis {
		n *= r.size
	}
	return n
}

// joined lists parts with those together that follow on each other.
func joined(axes ...[]part) []part {
	var out []part
	for _, r := range slices.Concat(axes...) {
		if k := len(out) - 1; k >= 0 && out[k].stride == r.stride*r.size {
			out[k] = part{out[k].size * r.size, r.stride}
			continue
		}
		out = append(out, r)
	}
	return out
}

// reshape regroups the elements, in their order, into other axes; ok is false
// where that needs a copy.
func (v view) reshape(dims []int) (view, bool) {
	rest := joined(v.axes...)
	out := view{v.at, make([][]part, len(dims))}
	for i := len(dims) - 1; i >= 0; i-- {
		need := dims[i]
		var axis []part
		for need > 1 {
			if len(rest) == 0 {
				return view{}, false
			}
			last := rest[len(rest)-1]
			switch {
			case need%last.size == 0:
				axis = append(axis, last)
				need /= last.size
				rest = rest[:len(rest)-1]
			case last.size%need == 0:
				axis = append(axis, part{need, last.stride})
				rest[len(rest)-1] = part{last.size / need, last.stride * need}
				need = 1
			default:
				return view{}, false
			}
		}
		slices.Reverse(axis)
		out.axes[i] = joined(axis)
	}
	return out, true
}

// transpose reorders the axes: axis i of the result is axis permutation[i].
func (v view) transpose(permutation []int) view {
	out := view{v.at, make([][]part, len(permutation))}
	for i, axis := range permutation {
		out.axes[i] = v.axes[axis]
	}
	return out
}

// slice keeps a range of each axis; ok is false for a range of an axis of several
// parts.
func (v view) slice(starts, limits, strides []int) (view, bool) {
	out := view{v.at, slices.Clone(v.axes)}
	for i, axis := range v.axes {
		if starts[i] == 0 && limits[i] == size(axis) && strides[i] == 1 {
			continue
		}
		if len(axis) != 1 {
			return view{}, false
		}
		out.at += starts[i] * axis[0].stride
		out.axes[i] = nil
		if n := (limits[i] - starts[i] + strides[i] - 1) / strides[i]; n > 1 {
			out.axes[i] = []part{{n, axis[0].stride * strides[i]}}
		} else if n < 1 {
			return view{}, false
		}
	}
	return out, true
}

// broadcast repeats the elements over the shape dims, in which axis i of v is
// axis places[i].
func (v view) broadcast(dims, places []int) view {
	out := view{v.at, make([][]part, len(dims))}
	for i, d := range dims {
		if d > 1 {
			out.axes[i] = []part{{d, 0}}
		}
	}
	for i, axis := range v.axes {
		if len(axis) > 0 {
			out.axes[places[i]] = axis
		}
	}
	return out
}

// aligned refines lists of parts that stand for the same elements so that all
// have the same sizes: loops[i][k] is the stride of list k in loop i, outermost
// first.
func aligned(lists ...[]part) (sizes []int, strides [][]int, ok bool) {
	rest := make([][]part, len(lists))
	for k, l := range lists {
		rest[k] = joined(l)
	}
	for {
		least := 0
		for _, l := range rest {
			if len(l) > 0 && (least == 0 || l[len(l)-1].size < least) {
				least = l[len(l)-1].size
			}
		}
		if least == 0 {
			slices.Reverse(sizes)
			slices.Reverse(strides)
			return sizes, strides, true
		}
		step := make([]int, len(lists))
		for k, l := range rest {
			if len(l) == 0 || l[len(l)-1].size%least != 0 {
				return nil, nil, false
			}
			last := &l[len(l)-1]
			step[k] = last.stride
			if last.size == least {
				rest[k] = l[:len(l)-1]
			} else {
				*last = part{last.size / least, last.stride * least}
			}
		}
		sizes, strides = append(sizes, least), append(strides, step)
	}
}
