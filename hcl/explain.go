package hcl

import (
	"fmt"
	"slices"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// explain says in the words of studies what an expression refers to in vain.
func (l *loader) explain(d *hclv2.Diagnostic, e hclsyntax.Expression, ctx *hclv2.EvalContext) {
	if d.Subject == nil {
		return
	}
	for _, t := range e.Variables() {
		a, _ := stageOf(t)
		s := l.stages[a]
		if s != nil && t.SourceRange().End.Byte == d.Subject.Start.Byte &&
			(d.Detail == "This value does not have any indices." || s.isSingle() && strings.HasPrefix(d.Detail, "The given key does not identify an element")) {
			s.noIndex(d)
		}
		i := slices.IndexFunc(t, func(step hclv2.Traverser) bool { return step.SourceRange() == *d.Subject })
		if i < 0 {
			continue
		}
		switch step := t[i].(type) {
		case hclv2.TraverseIndex:
			if key, ok := asLevel(step.Key); ok && s != nil && i == 3 {
				s.noInstance(d, key.Text)
			}
		case hclv2.TraverseAttr:
			switch {
			case s != nil && i == 3 && s.members != nil:
				s.noInstance(d, step.Name)
			case d.Detail == "This value does not have any attributes." && s != nil:
				d.Detail = fmt.Sprintf("%s is a reference, and the settings of a stage cannot be read here. Put the value into a local that both use.", a)
			case strings.HasPrefix(d.Detail, "This object does not have an attribute"):
				of, _ := t[:i].TraverseAbs(ctx)
				d.Detail += suggest(step.Name, visible(of))
			}
		}
	}
}

// isSingle reports whether a stage has one instance, which no index follows.
func (s *stage) isSingle() bool { return s.members == nil && len(s.blocks("matrix")) == 0 }

// noIndex says how the instances of a stage are indexed.
func (s *stage) noIndex(d *hclv2.Diagnostic) {
	if s.isSingle() {
		d.Detail = fmt.Sprintf("%s is one stage: remove the index.", s.addr)
		return
	}
	d.Detail = fmt.Sprintf("%s can be followed only by a key in quotes without ${…}: %s[\"…\"].", s.addr, s.addr)
}

// noInstance says that a stage has no instance of a key.
func (s *stage) noInstance(d *hclv2.Diagnostic, key string) {
	d.Summary = "Unknown reference"
	if s.isSingle() {
		s.noIndex(d)
		return
	}
	d.Detail = fmt.Sprintf("%s has no instance %q.%s", s.addr, key, suggest(key, s.keys()))
}

// visible lists the attributes of an object that a study can name.
func visible(of cty.Value) []string {
	if !of.Type().IsObjectType() {
		return nil
	}
	return slices.DeleteFunc(sortedKeys(of.Type().AttributeTypes()), func(name string) bool { return name == identity })
}
