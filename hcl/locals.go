package hcl

import (
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// local is one value of a locals block.
type local struct {
	name    string
	attr    *hclv2.Attribute
	value   cty.Value
	state   visit
	invalid bool // reported already: what depends on it stays silent
}

// visit marks progress through the graph of references, to find cycles.
type visit int

const (
	unvisited visit = iota
	visiting
	visited
)

func (l *loader) collectLocals(b *hclv2.Block) {
	attrs, diags := b.Body.JustAttributes()
	l.upstream(diags)
	for _, name := range sortedKeys(attrs) {
		if first := l.locals[name]; first != nil {
			l.fail(rangeOf(attrs[name].NameRange), "Duplicate name", "The local %q is already set at %s. Rename one of the two.", name, rangeOf(first.attr.NameRange))
			continue
		}
		l.locals[name] = &local{name: name, attr: attrs[name]}
	}
}

// checkLocals evaluates every local, so that an invalid one is reported even if
// nothing uses it.
func (l *loader) checkLocals() {
	for _, name := range sortedKeys(l.locals) {
		l.local(name, nil)
	}
}

// local returns the value of a local, which it evaluates once. ok is false when
// it is invalid; that has been reported.
func (l *loader) local(name string, trail []string) (cty.Value, bool) {
	v := l.locals[name]
	trail = append(trail[:len(trail):len(trail)], "local."+name)
	switch {
	case v.state == visited:
		return v.value, !v.invalid
	case v.state == visiting:
		l.failCycle(rangeOf(v.attr.NameRange), trail)
		v.invalid = true
		return cty.NilVal, false
	case len(trail) > maxChain:
		l.failChain(rangeOf(v.attr.NameRange))
		return cty.NilVal, false
	}
	v.state = visiting
	val, ok := l.eval(v.attr.Expr, scope{trail: trail})
	v.state = visited
	v.value, v.invalid = val, v.invalid || !ok
	return v.value, !v.invalid
}

// circle renders the circle at the end of a trail of references.
func circle(trail []string) string {
	last := trail[len(trail)-1]
	for i, name := range trail {
		if name == last {
			return strings.Join(trail[i:], " -> ")
		}
	}
	return strings.Join(trail, " -> ")
}
