package hcl

import (
	"reflect"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"ablate/hcl/addr"
)

// member is one element of a for_each.
type member struct {
	key  string
	each map[string]cty.Value
}

// forEach evaluates the stage's for_each. It depends on no other stage, so that
// references can ask for it at any time.
func (l *loader) forEach(s *stage, trail []string) bool {
	if s.keyState == visited || s.invalid {
		return !s.invalid
	}
	s.keyState = visited
	if !l.open(s) {
		return false
	}
	attr := s.content.Attributes["for_each"]
	if attr == nil {
		return true
	}
	val, ok := l.eval(attr.Expr, scope{noStages: "for_each cannot refer to stages, since it decides which instances there are. Use variables and locals.", trail: trail})
	if !ok {
		return false
	}
	at := rangeOf(attr.Expr.Range())
	if val.IsNull() || !val.CanIterateElements() {
		l.fail(at, "Wrong type", "for_each must be a set, a list or a map, not %s.", article(describe(val)))
		return false
	}
	if val.LengthInt() == 0 {
		l.fail(at, "Empty for_each", "for_each has no elements, so %s would have no instances. Add at least one.", s.addr)
		return false
	}
	if val.LengthInt() > maxInstances {
		return l.countInstances(val.LengthInt(), attr.Expr.Range())
	}
	return l.addMembers(s, val, attr.Expr)
}

func (l *loader) addMembers(s *stage, val cty.Value, expr hclv2.Expression) bool {
	at := rangeOf(expr.Range())
	exprs, diags := hclv2.ExprList(expr)
	written := !diags.HasErrors() && len(exprs) == val.LengthInt() // element by element
	isMap := val.Type().IsObjectType() || val.Type().IsMapType()
	s.byKey = make(map[string]*member, val.LengthInt())
	for it := val.ElementIterator(); it.Next(); {
		k, v := it.Element()
		key := k
		if !isMap {
			key = v
		}
		if written {
			at = rangeOf(exprs[len(s.members)].Range())
		}
		level, ok := asLevel(key)
		switch {
		case !ok || level.Kind == "ref" || level.Kind == "parts":
			l.fail(at, "Wrong type", "The elements of for_each must be strings, numbers or bools, not %s. For other values, use a map.", article(describe(key)))
			return false
		case rounded(key) != "":
			l.fail(at, "Number out of range", "for_each: the number %s", rounded(key))
			return false
		case level.Text == "":
			l.fail(at, "Empty key", "A key of for_each is empty. The key names the instance; choose another one.")
			return false
		case s.byKey[level.Text] != nil:
			l.fail(at, "Duplicate element", "for_each contains %q twice. Each element makes one instance; remove one of the two.", level.Text)
			return false
		}
		m := &member{level.Text, map[string]cty.Value{"key": cty.StringVal(level.Text), "value": v}}
		s.byKey[m.key] = m
		s.members = append(s.members, m)
	}
	return true
}

// keys lists the keys of for_each.
func (s *stage) keys() []string {
	out := make([]string, len(s.members))
	for i, m := range s.members {
		out[i] = m.key
	}
	return out
}

// valueForm says which of a stage's values is meant.
type valueForm struct {
	all   bool   // of the stage, not of one instance
	key   string // of the instance
	specs bool   // with access to the spec
}

// reference is the value of block.type.name in an expression: one reference, or
// an object of them by key if the stage has for_each.
func (l *loader) reference(s *stage, sc scope) (cty.Value, bool) {
	if !l.forEach(s, sc.trail) {
		return cty.NilVal, false
	}
	if s.members == nil {
		return s.value("", sc.specs), true
	}
	return s.remember(valueForm{all: true, specs: sc.specs}, func() cty.Value {
		m := make(map[string]cty.Value, len(s.members))
		for _, mem := range s.members {
			m[mem.key] = s.value(mem.key, sc.specs)
		}
		return cty.ObjectVal(m)
	}), true
}

// value is a reference to one instance.
func (s *stage) value(key string, specs bool) cty.Value {
	a := addr.Instance{Stage: s.addr, Key: key}
	if !specs || s.kind.Matrix {
		return refValue(a)
	}
	return s.remember(valueForm{key: key, specs: true}, func() cty.Value {
		if s.state != visited {
			return objectForm(a, nil)
		}
		if inst := s.instance(a); inst != nil {
			return objectForm(a, specValues(reflect.ValueOf(inst.Spec).Elem()))
		}
		return objectForm(a, nil)
	})
}

// remember computes a value once the stage is expanded; before that, specs are
// not known yet.
func (s *stage) remember(form valueForm, compute func() cty.Value) cty.Value {
	if v, ok := s.values[form]; ok {
		return v
	}
	v := compute()
	if s.state == visited {
		if s.values == nil {
			s.values = make(map[valueForm]cty.Value)
		}
		s.values[form] = v
	}
	return v
}
