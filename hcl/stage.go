package hcl

import (
	"reflect"
	"slices"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/hcl/spec"
	"ablate/hcl/study"
)

// stage is one block while it is expanded to instances.
type stage struct {
	addr    addr.Stage
	kind    study.Kind
	block   *hclv2.Block
	state   visit
	invalid bool // reported already: what depends on it stays silent

	content   *hclv2.BodyContent
	keyState  visit
	members   []*member // of for_each, in its order; nil without
	byKey     map[string]*member
	instances []*study.Instance
	byAddress map[addr.Instance]*study.Instance
	values    map[valueForm]cty.Value // what references to the stage evaluate to
}

// Attributes and blocks that the language defines for stages. They are not part
// of specs.
var (
	metaAttributes = []string{"for_each", "label", "description"}
	metaBlocks     = []string{"runtime"}
	matrixBlocks   = []string{"matrix", "exclude", "include", "override"}
)

// expandStages decodes every stage after those that it refers to.
func (l *loader) expandStages() {
	var all []*stage
	for _, s := range l.stages {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *stage) int { return a.addr.Compare(b.addr) })
	for _, s := range all {
		l.expand(s, nil)
	}
	for _, s := range all {
		l.study.Instances = append(l.study.Instances, s.instances...)
	}
}

// expand turns one block into instances, once.
func (l *loader) expand(s *stage, trail []string) {
	trail = append(trail[:len(trail):len(trail)], s.addr.String())
	switch {
	case s.state == visited:
		return
	case s.state == visiting:
		l.failCycle(rangeOf(s.block.DefRange), trail)
		s.invalid = true
		return
	case len(trail) > maxChain:
		l.failChain(rangeOf(s.block.DefRange))
		s.invalid = true
		return
	}
	s.state = visiting
	defer func() { s.state = visited }()
	if s.invalid || !l.open(s) {
		s.invalid = true
		return
	}
	for _, t := range bodyVariables(s.block.Body, s.schema()) {
		if a, ok := stageOf(t); ok && l.stages[a] != nil {
			l.expand(l.stages[a], trail)
		}
	}
	if !l.forEach(s, trail) {
		s.invalid = true
		return
	}
	before := len(l.diags)
	l.makeInstances(s, trail)
	s.invalid = s.invalid || l.diags[before:].HasErrors()
}

// open reads the block's outer structure.
func (l *loader) open(s *stage) bool {
	if s.content != nil {
		return true
	}
	schema := s.schema()
	content, diags := s.block.Body.Content(schema)
	s.content = content
	for _, d := range diags {
		if d.Summary == "Unsupported block type" && !s.kind.Matrix && strings.Contains(d.Detail, `"matrix"`) {
			d.Summary = "Misplaced matrix"
			d.Detail = "Only train stages can have a matrix. To sweep a value here, use for_each."
		}
	}
	l.upstream(renameUnknown(diags, schema))
	return !diags.HasErrors()
}

// schema is the stage's outer structure: its spec, and what the language adds.
func (s *stage) schema() *hclv2.BodySchema {
	out := bodySchema(spec.Of(reflect.TypeOf(s.kind.New())))
	for _, name := range metaAttributes {
		out.Attributes = append(out.Attributes, hclv2.AttributeSchema{Name: name})
	}
	for _, name := range metaBlocks {
		out.Blocks = append(out.Blocks, hclv2.BlockHeaderSchema{Type: name})
	}
	if s.kind.Matrix {
		for _, name := range matrixBlocks {
			out.Blocks = append(out.Blocks, hclv2.BlockHeaderSchema{Type: name})
		}
		out.Attributes = slices.DeleteFunc(out.Attributes, func(a hclv2.AttributeSchema) bool {
			return slices.Contains(matrixBlocks, a.Name) && holdsBlocks(s.block.Body, a.Name)
		})
	}
	return out
}

// holdsBlocks reports whether a property of a JSON body is an object or a list of objects.
// If the body may have an attribute and a block of that name, such as exclude of a program,
// only its value tells them apart.
func holdsBlocks(body hclv2.Body, name string) bool {
	if _, native := body.(*hclsyntax.Body); native {
		return false
	}
	attrs, _ := body.JustAttributes() // errors are reported when the body is opened
	if attrs[name] == nil {
		return false
	}
	expr := attrs[name].Expr
	if items, diags := hclv2.ExprList(expr); !diags.HasErrors() && len(items) > 0 {
		expr = items[0]
	}
	_, diags := hclv2.ExprMap(expr)
	return !diags.HasErrors()
}

// makeInstances decodes the stage's body for each element or cell.
func (l *loader) makeInstances(s *stage, trail []string) {
	matrix := s.blocks("matrix")
	switch {
	case len(matrix) > 0 && s.members != nil:
		l.fail(rangeOf(matrix[0].DefRange), "Matrix with for_each",
			"A train stage has either a matrix or for_each. Make the values of for_each a factor of the matrix.")
	case len(matrix) > 1:
		l.fail(rangeOf(matrix[1].DefRange), "Duplicate matrix", "A train stage has one matrix block. Declare all factors in it.")
	case len(matrix) == 1:
		l.cross(s, matrix[0], trail)
	case s.members != nil:
		for _, m := range s.members {
			l.single(s, m.key, scope{each: m.each, trail: trail})
		}
	default:
		l.single(s, "", scope{trail: trail})
	}
	if len(matrix) == 0 {
		for _, name := range matrixBlocks[1:] {
			for _, b := range s.blocks(name) {
				l.fail(rangeOf(b.DefRange), "Rule without a matrix", "%s changes the cells of a matrix, but this stage has no matrix block.", name)
			}
		}
	}
}

func (s *stage) blocks(name string) hclv2.Blocks {
	if s.content == nil {
		return nil
	}
	return s.content.Blocks.OfType(name)
}

// single decodes one instance outside a matrix.
func (l *loader) single(s *stage, key string, sc scope) {
	if !l.countInstances(1, s.block.DefRange) {
		return
	}
	d := &decoder{l: l, sc: sc, ranges: make(map[string]diag.Range)}
	target := reflect.ValueOf(s.kind.New())
	d.body(s.content, target.Elem(), nil, nil)
	a := addr.Instance{Stage: s.addr, Key: key}
	inst := &study.Instance{Address: a, Label: shortForm(a), Spec: target.Interface(), Range: *rangeOf(s.block.DefRange), Runtime: new(study.Runtime)}
	d.meta(s.content, inst)
	if d.invalid {
		s.invalid = true
		return
	}
	resolve(target)
	inst.Locate = locator(d.ranges, inst.Range)
	s.instances = append(s.instances, inst)
}

// instance returns the instance at an address; nil if there is none. The index is
// made on first use, when the stage is expanded.
func (s *stage) instance(a addr.Instance) *study.Instance {
	if s.byAddress == nil {
		s.byAddress = make(map[addr.Instance]*study.Instance, len(s.instances))
		for _, inst := range s.instances {
			s.byAddress[inst.Address] = inst
		}
	}
	return s.byAddress[a]
}

// countInstances reports whether the study may have n more instances.
func (l *loader) countInstances(n int, at hclv2.Range) bool {
	l.count += n
	if l.count > maxInstances {
		l.count = maxInstances
		l.fail(rangeOf(at), "Study too large", "A study must not have more than %d instances in total, and this stage exceeds the limit. Remove levels, or split the study.", maxInstances)
		return false
	}
	return true
}

func resolve(target reflect.Value) {
	if r, ok := target.Interface().(spec.Resolver); ok {
		r.Resolve()
	}
}

// shortForm is the label of a stage that declares none.
func shortForm(a addr.Instance) string { return addr.Level{Kind: "ref", Ref: a}.String() }
