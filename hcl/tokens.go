package hcl

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// checkTokens refuses source text that is nested too deeply for HCL's parser and
// for evaluation, which are recursive: a Go program cannot recover from a stack
// overflow. It also refuses numbers that are too long to be written out.
func checkTokens(tokens hclsyntax.Tokens) hclv2.Diagnostics {
	n := nesting{open: []bracket{{separatedByLines: true}}}
	for i, t := range tokens {
		n.add(t.Type)
		switch {
		case t.Type == hclsyntax.TokenStar && i > 0 && tokens[i-1].Type == hclsyntax.TokenStar:
			return problem(hclv2.RangeBetween(tokens[i-1].Range, t.Range), "Unsupported operator", "There is no operator **. A power is pow(x, 2).")
		case t.Type == hclsyntax.TokenNumberLit && !isWritable(t.Bytes):
			return problem(t.Range, "Number out of range", longNumber)
		case len(n.open)-1+n.signs > maxNesting:
			return tooDeep(t.Range)
		case n.innermost().tokens > maxTokens:
			return problem(t.Range, "Expression too long", "An expression must not have more than %d tokens. Split it up with locals.", maxTokens)
		}
	}
	return nil
}

func tooDeep(at hclv2.Range) hclv2.Diagnostics {
	return problem(at, "Nesting too deep", "Brackets, blocks, templates and signs must not nest more than %d deep. Split the expression up with locals.", maxNesting)
}

// isWritable reports whether the exponent of a number is of a size that can be
// written out: HCL converts numbers to text where it looks up a key.
func isWritable(number []byte) bool {
	_, exponent, found := bytes.Cut(bytes.ToLower(number), []byte("e"))
	if !found {
		return len(number) < maxDigits
	}
	n, err := strconv.Atoi(string(exponent))
	return err == nil && n < maxDigits && n > -maxDigits && len(number) < maxDigits
}

// nesting is the state of the scan.
type nesting struct {
	open  []bracket
	signs int // minus signs and negations in a row
}

// bracket is an open bracket, block or template.
type bracket struct {
	separatedByLines bool
	tokens           int // since the last separator
}

func (n *nesting) innermost() *bracket { return &n.open[len(n.open)-1] }

func (n *nesting) add(t hclsyntax.TokenType) {
	n.countSigns(t)
	switch t {
	case hclsyntax.TokenOBrace:
		n.open = append(n.open, bracket{separatedByLines: true})
	case hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote,
		hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
		n.open = append(n.open, bracket{})
	case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote,
		hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
		if len(n.open) > 1 {
			n.open = n.open[:len(n.open)-1]
		}
		n.innermost().tokens++
	case hclsyntax.TokenComma:
		n.innermost().tokens = 0
	case hclsyntax.TokenNewline:
		if n.innermost().separatedByLines {
			n.innermost().tokens = 0
		}
	case hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit, hclsyntax.TokenComment:
	default:
		n.innermost().tokens++
	}
}

func (n *nesting) countSigns(t hclsyntax.TokenType) {
	switch t {
	case hclsyntax.TokenMinus, hclsyntax.TokenBang:
		n.signs++
	case hclsyntax.TokenComment, hclsyntax.TokenNewline:
	default:
		n.signs = 0
	}
}

// checkJSON is checkTokens for JSON, whose decoder is recursive, too, and whose
// strings are templates.
func checkJSON(name string, src []byte) hclv2.Diagnostics {
	if i := tooDeepAt(src); i >= 0 {
		return tooDeep(byteRange(name, src, i))
	}
	return checkJSONStrings(name, src)
}

// tooDeepAt is where JSON becomes nested too deeply; -1 if it does not.
func tooDeepAt(src []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(src); i++ {
		switch c := src[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		}
		if depth > maxNesting {
			return i
		}
	}
	return -1
}

func checkJSONStrings(name string, src []byte) hclv2.Diagnostics {
	d := json.NewDecoder(bytes.NewReader(src))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		end := min(int(d.InputOffset()), len(src)) - 1
		if err != nil {
			at := byteRange(name, src, max(end, 0))
			return problem(at, "Invalid JSON", "This file is not valid JSON: %v.", err)
		}
		text, ok := token.(string)
		if !ok {
			continue
		}
		tokens, _ := hclsyntax.LexTemplate([]byte(text), name, hclv2.InitialPos) // errors are reported when it is parsed
		if diags := checkTokens(tokens); diags.HasErrors() {
			diags[0].Subject = byteRange(name, src, end).Ptr()
			return diags
		}
	}
}

// byteRange is the range of one byte.
func byteRange(name string, src []byte, i int) hclv2.Range {
	start := hclv2.Pos{Line: 1 + bytes.Count(src[:i], []byte("\n")), Column: i - bytes.LastIndexByte(src[:i], '\n'), Byte: i}
	end := start
	end.Column++
	end.Byte++
	return hclv2.Range{Filename: name, Start: start, End: end}
}
