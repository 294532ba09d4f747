package hcl

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	hclv2 "github.com/hashicorp/hcl/v2"

	"ablate/hcl/diag"
	"ablate/hcl/nearest"
)

// upstream records diagnostics of the HCL library, in the words of our docs.
func (l *loader) upstream(diags hclv2.Diagnostics) {
	l.diags = append(l.diags, translate(diags)...)
}

func translate(diags hclv2.Diagnostics) diag.List {
	var out diag.List
	for _, d := range diags {
		t := diag.Diagnostic{Summary: d.Summary, Detail: d.Detail}
		if !ofCall.MatchString(d.Summary) {
			t.Detail = plain(d.Detail)
		}
		if d.Severity == hclv2.DiagWarning {
			t.Severity = diag.Warning
		}
		if d.Subject != nil {
			t.Range = rangeOf(*d.Subject)
		}
		if head, _, found := strings.Cut(t.Detail, "panic in function implementation"); found {
			t.Detail = head + "the function failed. This is a bug in ablate; please report it." // without the stack
		}
		if m := unknownFunction.FindStringSubmatch(d.Detail); m != nil {
			t.Summary = "Unknown function"
			t.Detail = fmt.Sprintf("There is no function %q.%s", m[1], suggest(m[1], append(sortedKeys(standardFunctions()), "can", "env", "file", "try")))
		}
		for _, rule := range details {
			if rule.detail == d.Detail {
				t.Detail = rule.say
			}
		}
		for _, rule := range phrases {
			if rule.summary == d.Summary {
				t.Summary = cmp.Or(rule.say, t.Summary)
				t.Detail = strings.TrimSpace(t.Detail + " " + rule.next)
			}
		}
		out = append(out, t)
	}
	return out
}

// phrases has other summaries for the library's, and the next step where its
// details lack one.
var phrases = []struct{ summary, say, next string }{
	{"Unsupported argument", "Unknown attribute", ""},
	{"Unsupported block type", "Unknown block", ""},
	{"Missing required argument", "Missing attribute", ""},
	{"Unsupported attribute", "Unknown attribute", ""},
	{"Invalid single-argument block definition", "More than one attribute on one line",
		"Put each attribute on its own line."},
	{"Unexpected comma after argument", "Unexpected comma", "Remove the comma, or write a decimal with a point: 0.5."},
	{"Argument or block definition required", "Attribute or block expected", ""},
	{"Attribute redefined", "Attribute set twice", "Remove one of the two."},
	{"Duplicate argument", "Attribute set twice", "Remove one of the two."},
	{"Missing newline after argument", "Missing newline", "What follows here is not part of the expression."},
}

// details has other words for details of the library that do not say what to do.
var details = []struct{ detail, say string }{
	{"Bitwise operators are not supported.", "There is no such operator. A power is pow(x, 2)."},
	{"Error during operation: argument must not be null.", "An operand is null. Give it a value, or test for it first: x == null ? … : …."},
}

// plain replaces the library's "argument" by "attribute", which our docs use, and leaves
// names as they are: those in quotes, and lists of them.
func plain(s string) string {
	return proseOrName.ReplaceAllStringFunc(s, func(part string) string {
		if strings.HasPrefix(part, `"`) || strings.HasPrefix(part, "Available: ") {
			return part
		}
		return inOurWords.Replace(part)
	})
}

var (
	proseOrName = regexp.MustCompile(`(?s)"[^"]*"|Available: .*|[Aa]n? [Aa]rgument|[Aa]rgument`)
	inOurWords  = strings.NewReplacer("An argument", "An attribute", "an argument", "an attribute", "Argument", "Attribute", "argument", "attribute")
)

// ofCall matches summaries about functions and types, which have arguments.
var ofCall = regexp.MustCompile(`function|Missing argument separator|expanding argument|type specification`)

var (
	unknownFunction = regexp.MustCompile(`There is no function named "([^"]+)"`)
	unknownName     = regexp.MustCompile(`(?:An argument named|Blocks of type|No argument or block type is named) "([^"]+)"`)
	missingLabel    = regexp.MustCompile(`^(?:Missing (\w+) for (\w+)|Extraneous label for (\w+))$`)
)

// renameUnknown adds the names that are valid to errors about unknown names, and
// the form of the block to errors about labels.
func renameUnknown(diags hclv2.Diagnostics, schema *hclv2.BodySchema) hclv2.Diagnostics {
	blocks, attributes := blockNames(schema), attributeNames(schema)
	for _, d := range diags {
		if m := missingLabel.FindStringSubmatch(d.Summary); m != nil {
			relabel(d, headerOf(schema, cmp.Or(m[2], m[3])))
			continue
		}
		m := unknownName.FindStringSubmatch(d.Detail)
		if m == nil {
			continue
		}
		name := m[1]
		switch {
		case d.Summary == "Extraneous JSON object property":
			d.Summary, d.Detail = "Unknown name", fmt.Sprintf("There is no attribute or block %q here.%s", name, suggest(name, slices.Concat(attributes, blocks)))
		case d.Summary == "Unsupported argument" && slices.Contains(blocks, name):
			d.Detail = fmt.Sprintf("%s is a block here. Write %s … }, without an equals sign.", name, opening(headerOf(schema, name)))
		case d.Summary == "Unsupported argument":
			d.Detail = fmt.Sprintf("There is no attribute %q here.%s", name, suggest(name, attributes))
		case slices.Contains(attributes, name):
			d.Detail = fmt.Sprintf("%s is an attribute here. Write %s = …, with an equals sign.", name, name)
		default:
			d.Detail = fmt.Sprintf("There is no block %q here.%s", name, suggest(name, blocks))
		}
	}
	return diags
}

func headerOf(schema *hclv2.BodySchema, block string) hclv2.BlockHeaderSchema {
	for _, header := range schema.Blocks {
		if header.Type == block {
			return header
		}
	}
	return hclv2.BlockHeaderSchema{Type: block}
}

func relabel(d *hclv2.Diagnostic, header hclv2.BlockHeaderSchema) {
	d.Summary = "Wrong number of labels"
	labels := "no labels"
	switch names := header.LabelNames; len(names) {
	case 1:
		labels = "one label, its " + names[0]
	case 2:
		labels = "two labels, its " + names[0] + " and its " + names[1]
	}
	d.Detail = fmt.Sprintf("%s block has %s: %s.", capital(article(header.Type)), labels, opening(header))
}

// opening is how a block begins.
func opening(header hclv2.BlockHeaderSchema) string {
	text := header.Type
	for _, label := range header.LabelNames {
		text += " " + strconv.Quote(label)
	}
	return text + " {"
}

// suggest names the nearest of the known names, or lists them.
func suggest(given string, known []string) string {
	if minus := nearest.Minus(given, known, nil); minus != "" {
		return minus
	}
	best, distance := nearest.Name(given, known, 3)
	switch {
	case best != "" && distance < max(2, utf8.RuneCountInString(given)) && !isNumber(given): // one number is as near as another
		return fmt.Sprintf(" Did you mean %q?", best)
	case len(known) == 0:
		return ""
	case len(known) > 12:
		return fmt.Sprintf(" Available: %s and %d more.", strings.Join(known[:10], ", "), len(known)-10)
	}
	return fmt.Sprintf(" Available: %s.", strings.Join(known, ", "))
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

func rangeOf(r hclv2.Range) *diag.Range {
	return &diag.Range{
		Filename: r.Filename,
		Start:    diag.Pos{Line: r.Start.Line, Column: r.Start.Column, Byte: r.Start.Byte},
		End:      diag.Pos{Line: r.End.Line, Column: r.End.Column, Byte: r.End.Byte},
	}
}

// sortList sorts diagnostics by their place in the source, and removes repetitions
// that stem from several instances of one block.
func sortList(list diag.List) diag.List {
	slices.SortStableFunc(list, func(a, b diag.Diagnostic) int {
		ra, rb := place(a), place(b)
		return cmp.Or(strings.Compare(ra.Filename, rb.Filename), cmp.Compare(ra.Start.Byte, rb.Start.Byte),
			strings.Compare(a.Summary, b.Summary), strings.Compare(a.Detail, b.Detail))
	})
	return slices.CompactFunc(list, func(a, b diag.Diagnostic) bool {
		return place(a) == place(b) && a.Severity == b.Severity && a.Summary == b.Summary && a.Detail == b.Detail
	})
}

func place(d diag.Diagnostic) diag.Range {
	if d.Range == nil {
		return diag.Range{}
	}
	return *d.Range
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
