package cli

import (
	"context"
	"encoding/json"
	"reflect"

	"github.com/spf13/cobra"

	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/spec"
	"ablate/pipeline"
)

func metadataCommand(s *session) *cobra.Command {
	var r metadataRequest
	c := &cobra.Command{
		Use:   "metadata",
		Short: "Describe every kind of stage, or every event of --json",
		Long: "metadata prints the kinds of stages with their fields, types and defaults, for editors and for the\n" +
			"reference. With --events it prints what --json prints: every event with its fields." + exitCodes(""),
		Example: "  ablate metadata --json",
		Args:    noArgs,
		RunE:    does(s, &r),
	}
	c.Flags().BoolVar(&r.Markdown, "markdown", false, "print a page of the reference")
	c.Flags().BoolVar(&r.Events, "events", false, "describe the events of --json instead of stages")
	return c
}

// metadataRequest asks for a description of the language, or of the events.
type metadataRequest struct{ Markdown, Events bool }

func (r metadataRequest) do(_ context.Context, s *session) error {
	switch {
	case r.Events && r.Markdown:
		s.view().Document(view.SchemaMarkdown())
	case r.Events:
		for _, e := range view.Schema() {
			s.show(e)
		}
	case r.Markdown:
		s.view().Document(view.Reference(describeKinds(s.app.Kinds)))
	default:
		for _, k := range describeKinds(s.app.Kinds) {
			s.show(k)
		}
	}
	return nil
}

func describeKinds(kinds []pipeline.Kind) []view.Kind {
	out := make([]view.Kind, len(kinds))
	for i, k := range kinds {
		out[i] = describeKind(k)
	}
	return out
}

func describeKind(k pipeline.Kind) view.Kind {
	pristine := k.New()
	if r, ok := pristine.(spec.Resolver); ok && k.Role == pipeline.Analysis {
		r.Resolve()
	}
	return view.Kind{Block: k.Block, Name: k.Type, Version: k.Version, Doc: k.Doc,
		Fields: describeFields(reflect.ValueOf(pristine).Elem())}
}

func describeFields(v reflect.Value) []view.Field {
	var out []view.Field
	for _, f := range spec.Of(v.Type()).Fields {
		info := view.Field{Name: f.Name, Required: f.Required, Keyed: f.Keyed, Doc: f.Doc}
		value := v.Field(f.Index)
		switch f.Form {
		case spec.Label:
			continue
		case spec.Attribute:
			info.Form, info.Type = "attribute", spec.TypeName(f.Type)
			info.Default = defaultText(f, value)
		case spec.Block:
			info.Form = "block"
			info.Fields = describeFields(blockValue(f, value))
		case spec.Union:
			info.Form = "union"
			for _, arm := range spec.Of(f.Elem()).Fields {
				info.Fields = append(info.Fields, view.Field{Name: arm.Name, Form: "arm", Keyed: true, Doc: arm.Doc,
					Fields: describeFields(spec.New(arm.Elem()).Elem())})
			}
		}
		out = append(out, info)
	}
	return out
}

// blockValue is the block's default, or what an empty block decodes to.
func blockValue(f spec.Field, v reflect.Value) reflect.Value {
	switch {
	case v.Kind() == reflect.Struct:
		return v
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return v.Elem()
	}
	return spec.New(f.Elem()).Elem()
}

// defaultText renders a default as HCL; "" for none.
func defaultText(f spec.Field, v reflect.Value) string {
	if f.Required || v.Kind() == reflect.Pointer && v.IsNil() || f.Type == spec.RefType || f.Type == spec.RefsType || f.Type == spec.PartsType || f.Type == spec.LevelsType || f.Type == spec.FormulaType {
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
