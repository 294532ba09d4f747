package hcl

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/gocty"

	"ablate/hcl/diag"
)

// LockFile pins the remote sources of a study. It is committed with it.
const LockFile = "study.lock.hcl"

// Pin is what a remote source was when it was pinned.
type Pin struct {
	Source  string // as the study names it
	URL     string // where it is fetched from, with its revision
	SHA256  string // hex, of the bytes that are sent
	Content string // hex, of the bytes decompressed
	Size    int64  // of the bytes decompressed
}

var lockSchema = &hclv2.BodySchema{Blocks: []hclv2.BlockHeaderSchema{{Type: "source", LabelNames: []string{"name"}}}}

var pinSchema = &hclv2.BodySchema{Attributes: []hclv2.AttributeSchema{
	{Name: "url", Required: true}, {Name: "sha256", Required: true}, {Name: "content", Required: true}, {Name: "size", Required: true},
}}

// ReadLock reads the pins of a study's folder; without a lock there are none.
func ReadLock(dir string) ([]Pin, diag.List) {
	raw, err := os.ReadFile(filepath.Join(dir, LockFile))
	switch {
	case os.IsNotExist(err):
		return nil, nil
	case err != nil:
		return nil, diag.Errorf(nil, "Unreadable lock", "%s cannot be read: %v.", LockFile, err)
	}
	file, diags := hclsyntax.ParseConfig(raw, LockFile, hclv2.InitialPos)
	var pins []Pin
	if !diags.HasErrors() {
		content, more := file.Body.Content(lockSchema)
		diags = append(diags, more...)
		for _, b := range content.Blocks {
			pin, more := readPin(b)
			diags = append(diags, more...)
			pins = append(pins, pin)
		}
	}
	if diags.HasErrors() {
		return nil, diag.Errorf(nil, "Damaged lock", "%s cannot be used: %v. Restore it, or write it anew with ablate init --upgrade.", LockFile, diags)
	}
	return pins, nil
}

func readPin(b *hclv2.Block) (Pin, hclv2.Diagnostics) {
	pin := Pin{Source: b.Labels[0]}
	content, diags := b.Body.Content(pinSchema)
	for name, to := range map[string]any{"url": &pin.URL, "sha256": &pin.SHA256, "content": &pin.Content, "size": &pin.Size} {
		attr := content.Attributes[name]
		if attr == nil {
			continue
		}
		v, more := attr.Expr.Value(nil)
		diags = append(diags, more...)
		if err := gocty.FromCtyValue(v, to); err != nil {
			diags = append(diags, &hclv2.Diagnostic{Severity: hclv2.DiagError, Summary: "Wrong type",
				Detail: fmt.Sprintf("%s: %v.", name, err), Subject: attr.Range.Ptr()})
		}
	}
	return pin, diags
}

// FormatLock writes pins as a lock.
func FormatLock(pins []Pin) []byte {
	f := hclwrite.NewEmptyFile()
	for i, p := range pins {
		if i > 0 {
			f.Body().AppendNewline()
		}
		b := f.Body().AppendNewBlock("source", []string{p.Source}).Body()
		b.SetAttributeValue("url", cty.StringVal(p.URL))
		b.SetAttributeValue("sha256", cty.StringVal(p.SHA256))
		b.SetAttributeValue("content", cty.StringVal(p.Content))
		b.SetAttributeValue("size", cty.NumberIntVal(p.Size))
	}
	head := "# What the study's remote sources are. Written by ablate init --upgrade; commit it.\n\n"
	return []byte(head + strings.TrimLeft(string(hclwrite.Format(f.Bytes())), "\n"))
}
