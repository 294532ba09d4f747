package view

import (
	"fmt"
	"strings"
)

// Reference writes docs/stages.md: every kind of stage with its fields.
func Reference(kinds []Kind) string {
	var b strings.Builder
	b.WriteString("# Stages\n\nEvery kind of stage with its fields. This page is printed by\n`ablate metadata --markdown`; a test keeps it current.\n\n" +
		"Each stage also takes `label` (for people), `description`, `for_each`, and a block\n`runtime` (`timeout`, `retries`, `executor`, `resources`). None of them enters a key, except the labels that an analysis shows.\n")
	block, blocks := "", make(repeated)
	for _, k := range kinds {
		if k.Block != block {
			block = k.Block
			fmt.Fprintf(&b, "\n## %s\n", block)
		}
		fmt.Fprintf(&b, "\n### %s \"%s\"\n\n%s\n\n", k.Block, k.Name, k.Doc)
		b.WriteString("| field | type | default | meaning |\n|---|---|---|---|\n")
		referenceRows(&b, fmt.Sprintf("[%s \"%s\"](#%s-%s)", k.Block, k.Name, k.Block, k.Name), blocks, "", k.Fields)
	}
	return b.String()
}

// repeated is where tables of fields are printed first, by their rows.
type repeated map[string]string

// before returns the place where the rows of a table are printed already, and otherwise
// remembers the one at hand. Tables of few rows are printed each time.
func (r repeated) before(place, rows string) (first string, ok bool) {
	if strings.Count(rows, "\n") <= 3 {
		return "", false
	}
	if first, ok = r[rows]; !ok {
		r[rows] = place
	}
	return first, ok
}

func referenceRows(b *strings.Builder, kind string, blocks repeated, prefix string, fields []Field) {
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
		var rows strings.Builder
		referenceRows(&rows, kind, make(repeated), "", f.Fields)
		first, ok := blocks.before(kind, rows.String())
		if ok {
			doc += " Its fields are those in " + first + "."
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", name, typ, def, doc)
		if ok {
			continue
		}
		separator := "."
		if f.Form == "union" {
			separator = " "
		}
		referenceRows(b, kind, blocks, name+separator, f.Fields)
	}
}
