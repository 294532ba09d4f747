package view

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"ablate/hcl"
	"ablate/hcl/addr"
	"ablate/hcl/formula"
	"ablate/hcl/spec"
)

// SpecText writes a spec as a study would, with every default in its place, so
// that each name is one that the user can write. What is not there is left out.
func SpecText(s any) (string, error) {
	var b strings.Builder
	if err := writeBody(&b, reflect.Indirect(reflect.ValueOf(s)), ""); err != nil {
		return "", err
	}
	text, list := hcl.Format("", []byte(b.String()))
	return string(text), list.Err()
}

func writeBody(b *strings.Builder, v reflect.Value, indent string) error {
	writeLets(b, v, indent)
	for _, f := range spec.Of(v.Type()).Fields {
		field := v.Field(f.Index)
		switch {
		case f.Preset || f.Form == spec.Label || absent(field):
		case f.Labelled:
			for i := range field.Len() {
				e := field.Index(i)
				if err := writeBlock(b, fmt.Sprintf("%s %q", f.Name, spec.LabelOf(e).String()), e, indent); err != nil {
					return err
				}
			}
		case f.Form == spec.Attribute:
			text, err := attributeText(f.Name, field)
			if err != nil {
				return err
			}
			fmt.Fprintf(b, "%s%s = %s\n", indent, f.Name, text)
		case f.Form == spec.Union:
			if err := writeArm(b, f.Name, reflect.Indirect(field), indent); err != nil {
				return err
			}
		case f.Repeated:
			for i := range field.Len() {
				if err := writeBlock(b, f.Name, reflect.Indirect(field.Index(i)), indent); err != nil {
					return err
				}
			}
		default:
			if err := writeBlock(b, f.Name, reflect.Indirect(field), indent); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeLets writes a block of the parts that occur many times in the formulas of a
// body, which would be too long without names for them.
func writeLets(b *strings.Builder, v reflect.Value, indent string) {
	var lets []formula.Named
	for _, f := range spec.Of(v.Type()).Fields {
		if x, ok := v.Field(f.Index).Interface().(formula.Formula); ok && !x.IsZero() {
			parts, _ := x.Text(f.Name + "_part")
			lets = append(lets, parts...)
		}
	}
	if len(lets) == 0 {
		return
	}
	b.WriteString(indent + "let {\n")
	for _, l := range lets {
		fmt.Fprintf(b, "%s  %s = %s\n", indent, l.Name, l.Text)
	}
	b.WriteString(indent + "}\n")
}

func absent(v reflect.Value) bool {
	if f, ok := v.Interface().(formula.Formula); ok {
		return f.IsZero()
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return v.IsNil()
	}
	return false
}

func writeBlock(b *strings.Builder, head string, v reflect.Value, indent string) error {
	fmt.Fprintf(b, "%s%s {\n", indent, head)
	err := writeBody(b, v, indent+"  ")
	b.WriteString(indent + "}\n")
	return err
}

// writeArm writes the arm of a union that is there.
func writeArm(b *strings.Builder, name string, union reflect.Value, indent string) error {
	for _, arm := range spec.Of(union.Type()).Fields {
		if v := union.Field(arm.Index); !v.IsNil() {
			return writeBlock(b, fmt.Sprintf("%s %q", name, arm.Name), v.Elem(), indent)
		}
	}
	return nil
}

func attributeText(name string, v reflect.Value) (string, error) {
	if x, ok := v.Interface().(formula.Formula); ok {
		_, text := x.Text(name + "_part")
		return text, nil
	}
	return literal(v)
}

// literal is a value as an attribute takes it.
func literal(v reflect.Value) (string, error) {
	v = reflect.Indirect(v)
	switch x := v.Interface().(type) {
	case addr.Instance:
		return x.String(), nil
	case addr.Parts:
		return x.String(), nil
	case []addr.Instance:
		var names []string
		for _, a := range x {
			names = append(names, a.String())
		}
		return "[" + strings.Join(names, ", ") + "]", nil
	case addr.Level:
		if p, ok := x.Parts(); ok {
			return p.String(), nil
		}
		switch x.Kind {
		case "ref":
			return x.Ref.String(), nil
		case "string":
			return plainJSON(x.Text)
		}
		return x.Text, nil
	}
	switch v.Kind() {
	case reflect.Struct:
		return object(spec.Of(v.Type()).Names(), func(i int) reflect.Value { return v.Field(spec.Of(v.Type()).Fields[i].Index) })
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		names := make([]string, len(keys))
		for i, k := range keys {
			names[i] = k.String()
		}
		return object(names, func(i int) reflect.Value { return v.MapIndex(keys[i]) })
	}
	return plainJSON(v.Interface())
}

// plainJSON is JSON that leaves <, > and & as they are.
func plainJSON(v any) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", fmt.Errorf("showing a spec: %w", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func object(names []string, value func(int) reflect.Value) (string, error) {
	parts := make([]string, len(names))
	for i, name := range names {
		text, err := literal(value(i))
		if err != nil {
			return "", err
		}
		parts[i] = name + " = " + text
	}
	if len(parts) == 0 {
		return "{}", nil
	}
	return "{ " + strings.Join(parts, ", ") + " }", nil
}
