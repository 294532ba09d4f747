package hcl

import (
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/hcl/spec"
	"ablate/hcl/study"
)

// stage is one block on its way to instances.
type stage struct {
	addr   addr.Stage
	kind   study.Kind
	block  *hclv2.Block
	state  visit
	failed bool // reported already: what depends on it stays silent

	content   *hclv2.BodyContent
	keyState  visit
	members   []member // of for_each, sorted by key; nil without
	instances []*study.Instance
	specs     map[string]map[string]cty.Value // by instance key: for matrix.x.attribute
}

// member is one element of a for_each.
type member struct {
	key  string
	each map[string]cty.Value
}

// Words of the language that every stage understands, and that never reach a
// spec.
var (
	metaAttributes = []string{"for_each", "label", "description"}
	metaBlocks     = []string{"runtime"}
	matrixBlocks   = []string{"matrix", "exclude", "include", "override"}
)

// expandStages decodes every stage, what it refers to first.
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
	trail = append(trail, s.addr.String())
	switch s.state {
	case visited:
		return
	case visiting:
		l.fail(rangeOf(s.block.DefRange), "Cycle", "These refer to each other in a circle: %s. Break it at one of them.", cycle(trail))
		s.failed = true
		return
	}
	s.state = visiting
	defer func() { s.state = visited }()
	if s.failed || !l.open(s) {
		s.failed = true
		return
	}
	for _, t := range bodyVariables(s.block.Body, s.schema()) {
		if a, ok := stageOf(t); ok && l.stages[a] != nil {
			l.expand(l.stages[a], trail)
		}
	}
	if !l.forEach(s, trail) {
		s.failed = true
		return
	}
	before := len(l.diags)
	l.makeInstances(s, trail)
	s.failed = s.failed || l.diags[before:].HasErrors()
}

// open reads the block's outer structure.
func (l *loader) open(s *stage) bool {
	if s.content != nil {
		return true
	}
	schema := s.schema()
	content, diags := s.block.Body.Content(schema)
	s.content = content
	var attrs, blocks []string
	for _, a := range schema.Attributes {
		attrs = append(attrs, a.Name)
	}
	for _, b := range schema.Blocks {
		blocks = append(blocks, b.Type)
	}
	for _, d := range diags {
		if d.Summary == "Unsupported block type" && !s.kind.Matrix && strings.Contains(d.Detail, `"matrix"`) {
			d.Detail = "Only train stages have a matrix. To sweep a value here, use for_each."
			d.Summary = "Misplaced matrix"
		}
	}
	l.upstream(renameUnknown(diags, blocks, attrs))
	return !diags.HasErrors()
}

// schema is the stage's outer structure: the spec's and the language's words.
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
	}
	return out
}

// bodySchema turns a spec's schema into what the library checks bodies with.
// Required attributes are checked by the decoder, since a factor may set them.
func bodySchema(s *spec.Struct) *hclv2.BodySchema {
	out := &hclv2.BodySchema{}
	for _, f := range s.Fields {
		switch f.Form {
		case spec.Attribute:
			out.Attributes = append(out.Attributes, hclv2.AttributeSchema{Name: f.Name})
		case spec.Block:
			out.Blocks = append(out.Blocks, hclv2.BlockHeaderSchema{Type: f.Name})
		case spec.Union:
			out.Blocks = append(out.Blocks, hclv2.BlockHeaderSchema{Type: f.Name, LabelNames: []string{"type"}})
		}
	}
	return out
}

// bodyVariables lists every reference in a body, nested blocks included.
func bodyVariables(body hclv2.Body, schema *hclv2.BodySchema) []hclv2.Traversal {
	if native, ok := body.(*hclsyntax.Body); ok {
		return nativeVariables(native)
	}
	content, _, _ := body.PartialContent(schema) // reported when it is decoded
	return contentVariables(content)
}

// contentVariables lists the references in opened content.
func contentVariables(content *hclv2.BodyContent) []hclv2.Traversal {
	var out []hclv2.Traversal
	for _, name := range sortedKeys(content.Attributes) {
		out = append(out, content.Attributes[name].Expr.Variables()...)
	}
	for _, b := range content.Blocks {
		out = append(out, blockVariables(b)...)
	}
	return out
}

func blockVariables(b *hclv2.Block) []hclv2.Traversal {
	if native, ok := b.Body.(*hclsyntax.Body); ok {
		return nativeVariables(native)
	}
	attrs, _ := b.Body.JustAttributes() // reported when it is decoded
	var out []hclv2.Traversal
	for _, name := range sortedKeys(attrs) {
		out = append(out, attrs[name].Expr.Variables()...)
	}
	return out
}

func nativeVariables(body *hclsyntax.Body) []hclv2.Traversal {
	var out []hclv2.Traversal
	for _, name := range sortedKeys(body.Attributes) {
		out = append(out, body.Attributes[name].Expr.Variables()...)
	}
	for _, b := range body.Blocks {
		out = append(out, nativeVariables(b.Body)...)
	}
	return out
}

// forEach evaluates the stage's for_each. It needs no other stage, so that
// references can ask for it at any time.
func (l *loader) forEach(s *stage, trail []string) bool {
	if s.keyState == visited || s.failed {
		return !s.failed
	}
	s.keyState = visited
	if !l.open(s) {
		return false
	}
	attr := s.content.Attributes["for_each"]
	if attr == nil {
		return true
	}
	val, ok := l.eval(attr.Expr, scope{nostage: true, trail: trail})
	if !ok {
		return false
	}
	at := rangeOf(attr.Expr.Range())
	if val.IsNull() || !val.CanIterateElements() {
		l.fail(at, "Wrong type", "for_each must be a set, a list or a map, not %s.", article(describe(val)))
		return false
	}
	if val.LengthInt() == 0 {
		l.fail(at, "Empty for_each", "for_each has no elements, so there would be no %s. Give it at least one.", s.addr)
		return false
	}
	return l.addMembers(s, val, at)
}

func (l *loader) addMembers(s *stage, val cty.Value, at *diag.Range) bool {
	isMap := val.Type().IsObjectType() || val.Type().IsMapType()
	seen := make(map[string]bool)
	for it := val.ElementIterator(); it.Next(); {
		k, v := it.Element()
		key := k
		if !isMap {
			key = v
		}
		level, ok := asLevel(key)
		switch {
		case !ok || level.Kind == "ref":
			l.fail(at, "Wrong type", "The elements of for_each must be strings, numbers or bools, not %s. For anything else use a map.", article(describe(key)))
			return false
		case level.Text == "":
			l.fail(at, "Empty key", "for_each has an empty key; an instance needs a name.")
			return false
		case seen[level.Text]:
			l.fail(at, "Duplicate element", "for_each has %q twice: each element makes one instance.", level.Text)
			return false
		}
		seen[level.Text] = true
		s.members = append(s.members, member{level.Text, map[string]cty.Value{"key": cty.StringVal(level.Text), "value": v}})
	}
	return true
}

// reference is the value of block.type.name in an expression: one reference,
// or an object of them by key for a stage with for_each.
func (l *loader) reference(s *stage, sc scope) (cty.Value, bool) {
	if s.failed || !l.forEach(s, sc.trail) {
		return cty.NilVal, false
	}
	if s.members == nil {
		return s.value("", sc.specs), true
	}
	m := make(map[string]cty.Value, len(s.members))
	for _, mem := range s.members {
		m[mem.key] = s.value(mem.key, sc.specs)
	}
	return cty.ObjectVal(m), true
}

func (s *stage) value(key string, specs bool) cty.Value {
	a := addr.Instance{Stage: s.addr, Key: key}
	if !specs || s.kind.Matrix {
		return refValue(a)
	}
	if s.specs[key] == nil {
		for _, inst := range s.instances {
			if inst.Address.Key == key {
				if s.specs == nil {
					s.specs = make(map[string]map[string]cty.Value)
				}
				s.specs[key] = specValues(reflect.ValueOf(inst.Spec).Elem())
			}
		}
	}
	return objectForm(a, s.specs[key])
}

// makeInstances decodes the stage's body for each member or cell.
func (l *loader) makeInstances(s *stage, trail []string) {
	matrix := s.blocks("matrix")
	switch {
	case len(matrix) > 0 && s.members != nil:
		l.fail(rangeOf(matrix[0].DefRange), "Matrix with for_each",
			"A train stage has either a matrix or for_each. Make the for_each values a factor of the matrix.")
	case len(matrix) > 1:
		l.fail(rangeOf(matrix[1].DefRange), "Second matrix", "A train stage has one matrix block, which names all factors.")
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
				l.fail(rangeOf(b.DefRange), "Rule without a matrix", "%s changes the cells of a matrix, and this stage has none.", name)
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
	d := &decoder{l: l, sc: sc, ranges: make(map[string]diag.Range)}
	target := reflect.ValueOf(s.kind.New())
	d.body(s.content, target.Elem(), nil, nil)
	a := addr.Instance{Stage: s.addr, Key: key}
	if d.broken {
		s.failed = true
		return
	}
	resolve(target)
	inst := &study.Instance{Address: a, Label: shortForm(a), Spec: target.Interface(), Range: *rangeOf(s.block.DefRange), Runtime: new(study.Runtime)}
	d.meta(s.content, inst)
	inst.Locate = locator(d.ranges, inst.Range)
	s.instances = append(s.instances, inst)
}

func resolve(target reflect.Value) {
	if r, ok := target.Interface().(spec.Resolver); ok {
		r.Resolve()
	}
}

// shortForm is the label of a stage without one.
func shortForm(a addr.Instance) string { return addr.Level{Kind: "ref", Ref: a}.String() }

var runtimeSchema = &hclv2.BodySchema{Attributes: []hclv2.AttributeSchema{
	{Name: "timeout"}, {Name: "retries"}, {Name: "executor"},
}, Blocks: []hclv2.BlockHeaderSchema{{Type: "resources"}}}

// meta decodes what every stage may say about itself beside its spec.
func (d *decoder) meta(content *hclv2.BodyContent, inst *study.Instance) {
	d.plain(content.Attributes["label"], &inst.Label)
	if strings.ContainsFunc(inst.Label, unicode.IsControl) {
		d.fail(rangeOf(content.Attributes["label"].Range), "Invalid label", "A label is one line of text, and %q has a control character in it. Remove it.", inst.Label)
	}
	d.plain(content.Attributes["description"], &inst.Description)
	for i, b := range content.Blocks.OfType("runtime") {
		if i > 0 {
			d.l.fail(rangeOf(b.DefRange), "Block given twice", "A stage has one runtime block.")
			return
		}
		rc, diags := b.Body.Content(runtimeSchema)
		d.l.upstream(renameUnknown(diags, []string{"resources"}, []string{"timeout", "retries", "executor"}))
		var timeout string
		d.plain(rc.Attributes["timeout"], &timeout)
		d.plain(rc.Attributes["retries"], &inst.Runtime.Retries)
		if attr := rc.Attributes["executor"]; attr != nil {
			d.plain(attr, &inst.Runtime.Executor)
			inst.Runtime.ExecutorAt = *rangeOf(attr.Expr.Range())
		}
		d.resources(rc.Blocks, inst.Runtime)
		d.runtime(rc, timeout, inst)
	}
}

func (d *decoder) runtime(rc *hclv2.BodyContent, timeout string, inst *study.Instance) {
	if inst.Runtime.Retries < 0 {
		d.l.fail(rangeOf(rc.Attributes["retries"].Expr.Range()), "Invalid value", "retries counts further attempts, so it cannot be negative.")
	}
	if timeout == "" {
		return
	}
	t, err := time.ParseDuration(timeout)
	if err != nil || t <= 0 {
		d.l.fail(rangeOf(rc.Attributes["timeout"].Expr.Range()), "Invalid value", "%q is not a duration: write it like \"90m\" or \"2h\".", timeout)
		return
	}
	inst.Runtime.Timeout = t
}
