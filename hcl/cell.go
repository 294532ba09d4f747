package hcl

import (
	"maps"
	"reflect"
	"slices"
	"strconv"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/hcl/spec"
	"ablate/hcl/study"
)

// cellPlan is a decoded body. Cells share it if they differ only in factors that
// set attributes directly.
type cellPlan struct {
	target  reflect.Value  // a pointer to the spec, without the attributes that factors set
	model   study.Instance // label, runtime, ranges
	ranges  map[string]diag.Range
	locate  func(diag.Path) diag.Range
	invalid bool
}

// instance makes the trial of one cell.
func (x *crossing) instance(c cell) {
	var overrides []int
	for i, r := range x.overrides {
		applies, ok := x.holds(r, c)
		if !ok {
			return
		}
		if applies {
			overrides = append(overrides, i)
		}
	}
	id := x.planID(c, overrides)
	plan := x.plans[id]
	if plan == nil {
		plan = x.decode(c, overrides)
		x.plans[id] = plan
	}
	if plan.invalid {
		return
	}
	ranges, own := x.rangesOf(c, plan)
	d := &decoder{l: x.l, ranges: ranges}
	target := clone(plan.target)
	x.bind(d, c, target.Elem())
	if d.invalid {
		return
	}
	resolve(target)
	factors := x.factorsOf(c)
	inst := &x.memory[len(x.s.instances)]
	*inst = plan.model
	inst.Address = addr.Instance{Stage: x.s.addr, Key: x.keyOf(c)}
	inst.Spec, inst.Factors = target.Interface(), factors
	if inst.Label == "" {
		inst.Label = inst.Address.Key
	}
	inst.Locate = plan.locate
	if own {
		inst.Locate = locator(ranges, inst.Range)
	}
	x.s.instances = append(x.s.instances, inst)
}

// rangesOf returns the places of a cell's attributes: those of the plan, and of the
// entries of levels that are objects. own says that there are such entries.
func (x *crossing) rangesOf(c cell, plan *cellPlan) (ranges map[string]diag.Range, own bool) {
	for i := range x.factors {
		entries := x.factors[i].entryRanges(c[i])
		if len(entries) > 0 && !own {
			ranges, own = make(map[string]diag.Range), true
		}
		maps.Copy(ranges, entries)
	}
	if !own {
		return plan.ranges, false
	}
	maps.Copy(ranges, plan.ranges)
	return ranges, true
}

// planID is equal for cells that share a plan: those that agree in the overrides
// that apply and in the levels that the body reads.
func (x *crossing) planID(c cell, overrides []int) string {
	var id []byte
	for i, f := range x.factors {
		if slices.Contains(x.read, f.name) {
			id = strconv.AppendInt(id, int64(c[i]), 10)
			id = append(id, ' ')
		}
	}
	id = append(id, '|')
	for _, i := range overrides {
		id = strconv.AppendInt(id, int64(i), 10)
		id = append(id, ' ')
	}
	return string(id)
}

// decode decodes the body, and the overrides over it, for cells like c.
func (x *crossing) decode(c cell, overrides []int) *cellPlan {
	bound := make(map[string]bool)
	for _, f := range x.factors {
		bound[f.name] = f.bound
	}
	d := &decoder{l: x.l, sc: x.scopeOf(c), ranges: make(map[string]diag.Range)}
	target := reflect.ValueOf(x.s.kind.New())
	d.body(x.s.content, target.Elem(), nil, bound)
	for _, i := range overrides {
		d.merge = true
		d.body(x.overrides[i].content, target.Elem(), nil, nil)
	}
	plan := &cellPlan{target: target, ranges: d.ranges, model: study.Instance{Range: *rangeOf(x.s.block.DefRange), Runtime: new(study.Runtime)}}
	for _, f := range x.factors {
		if f.bound {
			d.ranges[f.name] = *f.at
		}
	}
	d.meta(x.s.content, &plan.model)
	plan.invalid = d.invalid
	plan.locate = locator(plan.ranges, plan.model.Range)
	return plan
}

// bind sets the attributes that have the name of a factor.
func (x *crossing) bind(d *decoder, c cell, target reflect.Value) {
	for i := range x.factors {
		f := &x.factors[i]
		if !f.bound {
			continue
		}
		to := target.Field(f.field.Index)
		if v := f.value(c[i]); v.IsValid() {
			to.Set(v)
			continue
		}
		d.assign(f.levels[c[i]], to, f.field, f.name, f.levelAt(c[i]))
		if isPlain(to) && !d.invalid {
			f.remember(c[i], to)
		}
	}
}

// levelAt is the place of a level, or of the factor if the study does not write the
// level out there.
func (f *factor) levelAt(level int) *diag.Range {
	if level < len(f.exprs) {
		return rangeOf(f.exprs[level].Range())
	}
	return f.at
}

// value is the decoded attribute at a level; the zero Value if it is not known.
func (f *factor) value(level int) reflect.Value {
	if level < len(f.values) {
		return f.values[level]
	}
	return reflect.Value{}
}

func (f *factor) remember(level int, v reflect.Value) {
	if f.values == nil {
		f.values = make([]reflect.Value, len(f.levels))
	}
	f.values[level] = reflect.ValueOf(v.Interface())
}

// isPlain reports whether instances can share a value: it contains no pointers,
// and does not depend on the defaults that it replaces.
func isPlain(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64, reflect.String:
		return true
	}
	return v.Type() == spec.RefType || v.Type() == spec.PartsType // whose map never changes
}

// clone copies a spec. Instances share what it points to.
func clone(pointer reflect.Value) reflect.Value {
	p := reflect.New(pointer.Type().Elem())
	p.Elem().Set(pointer.Elem())
	return p
}
