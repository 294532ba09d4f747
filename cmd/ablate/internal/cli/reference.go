package cli

import (
	"fmt"
	"strings"

	"ablate/pipeline"
)

// reference renders the kinds as the language reference.
func reference(kinds []pipeline.Kind) string {
	var b strings.Builder
	b.WriteString("# Stages\n\nEvery stage that a study can hold, with its fields. This page is printed by\n`ablate metadata --markdown`; a test keeps it current.\n\n" +
		"Each stage also takes `label` (for people), `description`, `for_each`, and a block\n`runtime` (`timeout`, `retries`, `executor`, `resources`); none of them enters a key, but for the labels that an analysis shows.\n")
	block := ""
	for _, k := range kinds {
		if k.Block != block {
			block = k.Block
			fmt.Fprintf(&b, "\n## %s\n", block)
		}
		info := describeKind(k)
		fmt.Fprintf(&b, "\n### %s \"%s\"\n\n%s\n\n", info.Block, info.Kind, info.Doc)
		b.WriteString("| field | type | default | meaning |\n|---|---|---|---|\n")
		referenceRows(&b, "", info.Fields)
	}
	return b.String()
}

func referenceRows(b *strings.Builder, prefix string, fields []fieldInfo) {
	for _, f := range fields {
		name := prefix + f.Name
		typ := f.Type
		switch f.Form {
		case "block", "union":
			typ = "block"
		case "arm":
			name, typ = fmt.Sprintf("%s\"%s\"", prefix, f.Name), "block"
		}
		def := "`" + f.Default + "`"
		switch {
		case f.Required:
			def = "required"
		case f.Default == "":
			def = ""
		}
		doc := strings.ReplaceAll(f.Doc, "|", "\\|")
		if !f.Keyed && !strings.Contains(doc, "key") {
			doc += " Not part of the key."
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", name, typ, def, doc)
		switch f.Form {
		case "union":
			referenceRows(b, name+" ", f.Fields)
		default:
			referenceRows(b, name+".", f.Fields)
		}
	}
}
