package spec

import (
	"reflect"

	"ablate/hcl/formula"
)

// Declared is a formula of a spec.
type Declared struct {
	Path    string // of its attribute, with the labels of blocks: rule.matrix.value
	Formula formula.Formula
}

// Formulas lists the formulas that a spec, or a pointer to one, sets.
func Formulas(s any) []Declared { return formulas(reflect.ValueOf(s), "") }

func formulas(v reflect.Value, prefix string) (out []Declared) {
	if v = reflect.Indirect(v); !v.IsValid() || v.Kind() != reflect.Struct {
		return nil
	}
	for _, f := range Of(v.Type()).Fields {
		field, path := v.Field(f.Index), prefix+f.Name
		x, ok := field.Interface().(formula.Formula)
		switch {
		case ok && !x.IsZero():
			out = append(out, Declared{path, x})
		case ok || f.Form == Label || f.Form == Attribute:
		case field.Kind() == reflect.Slice:
			for i := range field.Len() {
				e := field.Index(i)
				own := path
				if f.Labelled {
					own += "." + LabelOf(e).String()
				}
				out = append(out, formulas(e, own+".")...)
			}
		case f.Form == Union: // its arms are pointers, of which one is set
			out = append(out, formulasOfArm(field, path)...)
		default:
			out = append(out, formulas(field, path+".")...)
		}
	}
	return out
}

func formulasOfArm(union reflect.Value, path string) (out []Declared) {
	if union = union.Elem(); !union.IsValid() {
		return nil
	}
	for _, arm := range Of(union.Type()).Fields {
		out = append(out, formulas(union.Field(arm.Index), path+".")...)
	}
	return out
}
