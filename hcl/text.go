package hcl

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"
	"golang.org/x/text/unicode/norm"
)

// duplicateKeys reports the keys that an object in a node has twice. HCL takes the last of
// them.
func duplicateKeys(in hclsyntax.Node) hclv2.Diagnostics {
	return hclsyntax.VisitAll(in, func(n hclsyntax.Node) (diags hclv2.Diagnostics) {
		object, ok := n.(*hclsyntax.ObjectConsExpr)
		if !ok {
			return nil
		}
		seen := make(map[string]bool)
		for _, item := range object.Items {
			if len(item.KeyExpr.Variables()) > 0 {
				continue
			}
			v, wrong := item.KeyExpr.Value(nil)
			key, ok := asLevel(v)
			if wrong.HasErrors() || !ok { // reported when it is evaluated
				continue
			}
			if seen[key.Text] {
				diags = append(diags, duplicateKey(key.Text, item.KeyExpr.Range())...)
			}
			seen[key.Text] = true
		}
		return diags
	})
}

const twice = "Duplicate key"

func duplicateKey(key string, at hclv2.Range) hclv2.Diagnostics {
	return problem(at, twice, "The object has the key %s twice, and only one value can count. Remove one of them.", key)
}

// parseFile parses a file in native or JSON syntax.
func parseFile(name string, src []byte) (*hclv2.File, hclv2.Diagnostics) {
	if diags := checkEncoding(name, src); diags.HasErrors() {
		return nil, diags
	}
	if strings.HasSuffix(name, ".json") {
		if diags := checkJSON(name, src); diags.HasErrors() {
			return nil, diags
		}
		file, diags := json.Parse(src, name)
		return file, append(diags, textWarnings(name, src, nil)...)
	}
	tokens, diags := hclsyntax.LexConfig(src, name, hclv2.InitialPos)
	if !diags.HasErrors() {
		diags = checkTokens(tokens)
	}
	if diags.HasErrors() {
		return nil, few(diags)
	}
	file, diags := hclsyntax.ParseConfig(src, name, hclv2.InitialPos)
	return file, append(few(diags), textWarnings(name, src, tokens)...)
}

// parseExpression parses an expression or a template that is no part of a file in native
// syntax, within the limits of one.
func parseExpression(text, filename string, start hclv2.Pos,
	lex func([]byte, string, hclv2.Pos) (hclsyntax.Tokens, hclv2.Diagnostics),
	parse func([]byte, string, hclv2.Pos) (hclsyntax.Expression, hclv2.Diagnostics),
) (hclsyntax.Expression, hclv2.Diagnostics) {
	tokens, diags := lex([]byte(text), filename, start)
	if !diags.HasErrors() {
		diags = checkTokens(tokens)
	}
	if diags.HasErrors() {
		return nil, diags
	}
	e, diags := parse([]byte(text), filename, start)
	if !diags.HasErrors() {
		diags = duplicateKeys(e)
	}
	return e, diags
}

// checkEncoding refuses a file that is not text in UTF-8, once: each of its bytes would
// be an error of its own. Windows PowerShell writes UTF-16 by default.
func checkEncoding(name string, src []byte) hclv2.Diagnostics {
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		if r == 0 || r == utf8.RuneError && size == 1 {
			return problem(byteRange(name, src, i), "Invalid character encoding", "This file is not text in UTF-8. Save it as UTF-8 in your editor.")
		}
		i += size
	}
	return nil
}

// few leaves out errors of a syntax that follow from others: those about quotes after the
// first, since a quote that is not closed turns the quotes of the lines below around, and
// those after the tenth, since a file of another kind has one in each line.
func few(diags hclv2.Diagnostics) hclv2.Diagnostics {
	const most = 10
	open := false
	diags = slices.DeleteFunc(diags, func(d *hclv2.Diagnostic) bool {
		again := open
		open = open || d.Summary == "Invalid multi-line string"
		return again && d.Summary == "Invalid multi-line string"
	})
	if more := len(diags) - most; more > 1 {
		detail := fmt.Sprintf("This file has %d more errors from here on. Correct the first ones, or remove a file that is no part of the study.", more)
		return append(diags[:most], &hclv2.Diagnostic{Severity: hclv2.DiagError, Summary: "More errors", Detail: detail, Subject: diags[most].Subject})
	}
	return diags
}

// textWarnings reports text that is not in Unicode normal form C, to which HCL
// converts every string.
func textWarnings(name string, src []byte, tokens hclsyntax.Tokens) hclv2.Diagnostics {
	if norm.NFC.IsNormal(src) {
		return nil
	}
	at := hclv2.Range{Filename: name, Start: hclv2.InitialPos, End: hclv2.InitialPos}
	for _, t := range tokens {
		if (t.Type == hclsyntax.TokenQuotedLit || t.Type == hclsyntax.TokenStringLit) && !norm.NFC.IsNormal(t.Bytes) {
			at = t.Range
			break
		}
		if t.Type == hclsyntax.TokenEOF {
			return nil // in comments only
		}
	}
	return hclv2.Diagnostics{{Severity: hclv2.DiagWarning, Summary: "Text is normalized", Detail: normalized, Subject: &at}}
}

const normalized = "This text is not in Unicode normal form C: it has letters that are followed by combining accents. " +
	"HCL strings are always in that form, so the text is changed. Where the exact bytes matter, put them into a file that your program reads."
