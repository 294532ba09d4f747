package view

import (
	"reflect"
	"strings"

	"ablate/hcl/addr"
	"ablate/hcl/spec"
)

// Setting is one field of a spec under its path, as in "batch.length".
type Setting struct{ Name, Value string }

// Settings lists the fields of a spec with their defaults. References to other stages
// are left out: those have settings of their own.
func Settings(s any) ([]Setting, error) {
	return settings(nil, reflect.Indirect(reflect.ValueOf(s)), "")
}

func settings(out []Setting, v reflect.Value, prefix string) ([]Setting, error) {
	var err error
	for _, f := range spec.Of(v.Type()).Fields {
		field := v.Field(f.Index)
		if f.Preset || f.Form == spec.Label || absent(field) || isReference(field) {
			continue
		}
		switch {
		case f.Form == spec.Attribute:
			text, err := attributeText(f.Name, field)
			if err != nil {
				return nil, err
			}
			if text = strings.Trim(text, `"`); text != "" {
				out = append(out, Setting{prefix + f.Name, text})
			}
		case f.Form == spec.Union:
			union := reflect.Indirect(field)
			for _, arm := range spec.Of(union.Type()).Fields {
				if a := union.Field(arm.Index); !a.IsNil() {
					out = append(out, Setting{prefix + f.Name, arm.Name})
					out, err = settings(out, a.Elem(), prefix+f.Name+".")
				}
			}
		case f.Repeated:
			for i := range field.Len() {
				name := prefix + f.Name + "."
				if f.Labelled {
					name += spec.LabelOf(field.Index(i)).String() + "."
				}
				if out, err = settings(out, reflect.Indirect(field.Index(i)), name); err != nil {
					return nil, err
				}
			}
		default:
			out, err = settings(out, reflect.Indirect(field), prefix+f.Name+".")
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func isReference(v reflect.Value) bool {
	switch reflect.Indirect(v).Interface().(type) {
	case addr.Instance, []addr.Instance:
		return true
	}
	return false
}
