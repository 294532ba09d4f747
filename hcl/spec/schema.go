package spec

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"ablate/hcl/addr"
	"ablate/hcl/formula"
)

// Form is the syntax of a field.
type Form int

// The forms of a field.
const (
	Attribute Form = iota // name = value
	Block                 // name { … }
	Union                 // name "arm" { … }
	Label                 // of a labelled block
)

// Field describes one field of a spec struct.
type Field struct {
	Name      string // in HCL
	Index     int    // in the Go struct
	Form      Form
	Required  bool
	Repeated  bool // a slice of blocks
	Labelled  bool // repeated blocks that each have a label, which no two share
	Named     bool // labelled, and the label is a name in formulas
	Pointer   bool // nil if absent
	Keyed     bool // part of keys
	Witnessed bool // part of keys through a fingerprint, not as a field
	Preset    bool // names a set of values for the other fields
	Refers    bool // is a reference or references, or a nested block with some
	Type      reflect.Type
	Blocks    []string // that a reference may refer to; empty for any
	Parts     []string // that an addr.Parts may name
	Doc       string
}

// Struct is the schema of a spec, a nested block or an object.
type Struct struct {
	Type   reflect.Type
	Fields []Field
}

// Field returns the field of a name.
func (s *Struct) Field(name string) (Field, bool) {
	i := slices.IndexFunc(s.Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return s.Fields[i], true
}

// Names lists the names of the fields in the order of the struct.
func (s *Struct) Names() []string {
	out := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		out[i] = f.Name
	}
	return out
}

var schemas sync.Map // from reflect.Type to *Struct: the cache of a pure function

// Of returns the schema of a struct type or of a pointer to one. It panics if the
// struct breaks the rules of the package.
func Of(t reflect.Type) *Struct {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if s, ok := schemas.Load(t); ok {
		return s.(*Struct)
	}
	if t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("spec: %s is not a struct", t))
	}
	s := &Struct{Type: t}
	for i := range t.NumField() {
		if f, ok := field(t.Field(i), i); ok {
			s.Fields = append(s.Fields, f)
		}
	}
	schemas.Store(t, s)
	return s
}

func field(sf reflect.StructField, index int) (Field, bool) {
	tag, ok := sf.Tag.Lookup("hcl")
	if !ok {
		return Field{}, false
	}
	name, option, _ := strings.Cut(tag, ",")
	f := Field{
		Name: name, Index: index, Type: sf.Type, Doc: sf.Tag.Get("doc"),
		Keyed: sf.Tag.Get("key") != "-", Witnessed: sf.Tag.Get("key") == "code", Pointer: sf.Type.Kind() == reflect.Pointer,
	}
	if refs := sf.Tag.Get("ref"); refs != "" {
		f.Blocks = strings.Split(refs, ",")
	}
	if parts := sf.Tag.Get("parts"); parts != "" {
		f.Parts = strings.Split(parts, ",")
	}
	switch option {
	case "":
		f.Required = true
	case "optional":
	case "preset":
		f.Preset = true
	case "block":
		f.Form, f.Required = Block, sf.Type.Kind() == reflect.Struct
		f.Repeated = sf.Type.Kind() == reflect.Slice
	case "labelled", "named":
		f.Form, f.Repeated, f.Labelled, f.Named = Block, true, true, option == "named"
	case "label":
		f.Form = Label
	case "union":
		f.Form = Union
	default:
		panic(fmt.Sprintf("spec: field %s has the unknown option %q", sf.Name, option))
	}
	f.Refers = f.refers()
	return f, true
}

// refers computes Refers. Repeated blocks have no references.
func (f *Field) refers() bool {
	if f.Form == Block || f.Form == Union {
		return !f.Repeated && slices.ContainsFunc(Of(f.Type).Fields, func(f Field) bool { return f.Refers })
	}
	return f.Type == RefType || f.Type == RefsType || f.Type == PartsType
}

// Elem returns the struct type of a field that is a block, a union or an object.
func (f Field) Elem() reflect.Type {
	t := f.Type
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}

// NumberSetter is the type of an attribute that also accepts a number.
type NumberSetter interface{ SetNumber(float64) }

// Presetter is a spec with named sets of values. Its preset attribute chooses one,
// over which the rest of the body is decoded.
type Presetter interface {
	// SetPreset replaces all values by those of a preset, and reports whether it
	// exists.
	SetPreset(name string) bool
	// Presets lists the names of the presets.
	Presets() []string
}

// Resolver is a spec with defaults that depend on other attributes. Trials of a matrix
// share what the fields of their specs point to, so Resolve of those sets fields alone,
// or brings a list into its only order.
type Resolver interface{ Resolve() }

// The types of attributes and blocks that are decoded in ways of their own.
var (
	RefType    = reflect.TypeFor[addr.Instance]()
	RefsType   = reflect.TypeFor[[]addr.Instance]()
	PartsType  = reflect.TypeFor[addr.Parts]()
	LevelType  = reflect.TypeFor[addr.Level]()
	LevelsType = reflect.TypeFor[map[string]addr.Level]()

	FormulaType = reflect.TypeFor[formula.Formula]()
	LetType     = reflect.TypeFor[*formula.Let]()

	numberType = reflect.TypeFor[NumberSetter]()
)

// TakesNumber reports whether attributes of the type also accept a number.
func TakesNumber(t reflect.Type) bool { return reflect.PointerTo(t).Implements(numberType) }

// TypeName returns the name of an attribute's type in messages and in the reference.
func TypeName(t reflect.Type) string {
	switch t {
	case RefType:
		return "reference"
	case RefsType:
		return "references"
	case PartsType:
		return "reference or object of references"
	case LevelType:
		return "level"
	case LevelsType:
		return "map of levels"
	case FormulaType:
		return "formula"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return TypeName(t.Elem())
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int64:
		return "whole number"
	case reflect.Float64:
		return "number"
	case reflect.String:
		return "string"
	case reflect.Slice:
		return "list of " + TypeName(t.Elem())
	case reflect.Map:
		return "map of " + TypeName(t.Elem())
	case reflect.Struct:
		names := strings.Join(Of(t).Names(), ", ")
		if TakesNumber(t) {
			return "number or object (" + names + ")"
		}
		return "object (" + names + ")"
	}
	panic(fmt.Sprintf("spec: no attribute can be of Go type %s", t))
}

// FormulaNamer is a spec or nested block whose formulas can read names that no block
// declares, such as x in a norm.
type FormulaNamer interface{ FormulaNames() []string }

// LabelOf returns the label of a labelled block.
func LabelOf(v reflect.Value) reflect.Value {
	for _, f := range Of(v.Type()).Fields {
		if f.Form == Label {
			return v.Field(f.Index)
		}
	}
	panic(fmt.Sprintf("spec: %s has no label", v.Type()))
}

// Defaulter is a nested block with defaults. Like those of a kind, they must not
// change without a new version of the kind.
type Defaulter interface{ SetDefaults() }

// New returns a pointer to a new nested block with its defaults.
func New(t reflect.Type) reflect.Value {
	v := reflect.New(t)
	if d, ok := v.Interface().(Defaulter); ok {
		d.SetDefaults()
	}
	return v
}
