package cli

import (
	"encoding/json"
	"reflect"

	"github.com/spf13/cobra"

	"ablate/hcl/spec"
	"ablate/pipeline"
)

func (g *globals) metadataCommand() *cobra.Command {
	var markdown bool
	c := &cobra.Command{
		Use:   "metadata",
		Short: "Describe every kind of stage: fields, types, defaults",
		Long: "metadata prints what stages there are and what each takes, for editors and for the\n" +
			"reference." + codes(""),
		Example: "  ablate metadata --json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			if markdown {
				g.view().Text(reference(g.app.Kinds))
				return nil
			}
			for _, k := range g.app.Kinds {
				o := describeKind(k)
				g.view().Object(o)
				g.view().Text(k.Block + " " + k.Type + "\n")
			}
			return nil
		},
	}
	c.Flags().BoolVar(&markdown, "markdown", false, "print the language reference")
	return c
}

// kindInfo is a kind for programs.
type kindInfo struct {
	Type    string      `json:"type"`
	Block   string      `json:"block"`
	Kind    string      `json:"kind"`
	Version int         `json:"version"`
	Doc     string      `json:"doc"`
	Fields  []fieldInfo `json:"fields"`
}

// fieldInfo is a field for programs and for the reference.
type fieldInfo struct {
	Name     string      `json:"name"`
	Form     string      `json:"form"` // attribute, block, union, arm
	Type     string      `json:"type,omitempty"`
	Required bool        `json:"required,omitempty"`
	Keyed    bool        `json:"keyed"`
	Default  string      `json:"default,omitempty"`
	Doc      string      `json:"doc"`
	Fields   []fieldInfo `json:"fields,omitempty"`
}

func describeKind(k pipeline.Kind) kindInfo {
	pristine := k.New()
	if r, ok := pristine.(spec.Resolver); ok && k.Role == pipeline.Analysis {
		r.Resolve()
	}
	return kindInfo{Type: "kind", Block: k.Block, Kind: k.Type, Version: k.Version, Doc: k.Doc,
		Fields: describeFields(reflect.ValueOf(pristine).Elem())}
}

func describeFields(v reflect.Value) []fieldInfo {
	var out []fieldInfo
	for _, f := range spec.Of(v.Type()).Fields {
		info := fieldInfo{Name: f.Name, Required: f.Required, Keyed: f.Keyed, Doc: f.Doc}
		value := v.Field(f.Index)
		switch f.Form {
		case spec.Attribute:
			info.Form, info.Type = "attribute", spec.TypeName(f.Type)
			info.Default = defaultText(f, value)
		case spec.Block:
			info.Form = "block"
			info.Fields = describeFields(blockValue(f, value))
		case spec.Union:
			info.Form = "union"
			for _, arm := range spec.Of(f.Elem()).Fields {
				info.Fields = append(info.Fields, fieldInfo{Name: arm.Name, Form: "arm", Keyed: true, Doc: arm.Doc,
					Fields: describeFields(spec.New(arm.Elem()).Elem())})
			}
		}
		out = append(out, info)
	}
	return out
}

// blockValue is the block's default, or what writing it empty would give.
func blockValue(f spec.Field, v reflect.Value) reflect.Value {
	switch {
	case v.Kind() == reflect.Struct:
		return v
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return v.Elem()
	}
	return spec.New(f.Elem()).Elem()
}

// defaultText renders a default as one would write it; "" for none.
func defaultText(f spec.Field, v reflect.Value) string {
	if f.Required || v.Kind() == reflect.Pointer && v.IsNil() || f.Type == spec.RefType || f.Type == spec.RefsType || f.Type == spec.LevelsType {
		return ""
	}
	if f.Type == spec.LevelType {
		return `"` + v.FieldByName("Text").String() + `"`
	}
	if v.Kind() == reflect.Struct {
		out := "{"
		for i, sub := range spec.Of(v.Type()).Fields {
			if i > 0 {
				out += ","
			}
			out += " " + sub.Name + " = " + defaultText(sub, v.Field(sub.Index))
		}
		return out + " }"
	}
	raw, err := json.Marshal(v.Interface())
	if err != nil {
		panic("cli: a default does not marshal: " + err.Error())
	}
	return string(raw)
}
