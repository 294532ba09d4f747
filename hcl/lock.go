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
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"

	"ablate/hcl/diag"
)

// LockFile pins the remote sources of a study, and what was declared before
// its trials were known. It is committed with it.
const LockFile = "study.lock.hcl"

// Pin is what a remote source was when it was pinned.
type Pin struct {
	Source  string // as the study names it
	URL     string // where it is fetched from, with its revision
	SHA256  string // hex, of the bytes that are sent
	Content string // hex, of the bytes decompressed
	Size    int64  // of the bytes decompressed
}

// Frozen is what an analysis had declared when its first trials were still to
// come.
type Frozen struct {
	Address   string
	Time      string            // RFC 3339
	Known     int               // trials that had a result by then
	Trials    int               // of so many
	Contrasts map[string]string // by name, the digest of the declaration
}

// Lock is the content of a lock file.
type Lock struct {
	Pins   []Pin
	Frozen []Frozen
}

var lockSchema = &hclv2.BodySchema{Blocks: []hclv2.BlockHeaderSchema{
	{Type: "source", LabelNames: []string{"name"}}, {Type: "frozen", LabelNames: []string{"address"}},
}}

var pinSchema = &hclv2.BodySchema{Attributes: []hclv2.AttributeSchema{
	{Name: "url", Required: true}, {Name: "sha256", Required: true}, {Name: "content", Required: true}, {Name: "size", Required: true},
}}

// ReadLock reads the lock of a study's folder; it is empty where there is none.
func ReadLock(dir string) (Lock, diag.List) {
	raw, err := os.ReadFile(filepath.Join(dir, LockFile))
	switch {
	case os.IsNotExist(err):
		return Lock{}, nil
	case err != nil:
		return Lock{}, diag.Errorf(nil, "Unreadable lock", "%s cannot be read: %v.", LockFile, err)
	}
	file, diags := hclsyntax.ParseConfig(raw, LockFile, hclv2.InitialPos)
	var lock Lock
	if !diags.HasErrors() {
		content, more := file.Body.Content(lockSchema)
		diags = append(diags, more...)
		for _, b := range content.Blocks {
			if b.Type == "frozen" {
				frozen, more := readFrozen(b)
				diags = append(diags, more...)
				lock.Frozen = append(lock.Frozen, frozen)
				continue
			}
			pin, more := readPin(b)
			diags = append(diags, more...)
			lock.Pins = append(lock.Pins, pin)
		}
	}
	if diags.HasErrors() {
		return Lock{}, diag.Errorf(nil, "Damaged lock", "%s cannot be used: %v. Restore it, or write it anew with ablate init --upgrade.", LockFile, diags)
	}
	return lock, nil
}

func readPin(b *hclv2.Block) (Pin, hclv2.Diagnostics) {
	pin := Pin{Source: b.Labels[0]}
	diags := readAttributes(b, pinSchema, map[string]any{
		"url": &pin.URL, "sha256": &pin.SHA256, "content": &pin.Content, "size": &pin.Size,
	})
	return pin, diags
}

var frozenSchema = &hclv2.BodySchema{Attributes: []hclv2.AttributeSchema{
	{Name: "time", Required: true}, {Name: "known", Required: true}, {Name: "trials", Required: true}, {Name: "contrasts", Required: true},
}}

func readFrozen(b *hclv2.Block) (Frozen, hclv2.Diagnostics) {
	frozen := Frozen{Address: b.Labels[0]}
	diags := readAttributes(b, frozenSchema, map[string]any{
		"time": &frozen.Time, "known": &frozen.Known, "trials": &frozen.Trials, "contrasts": &frozen.Contrasts,
	})
	return frozen, diags
}

func readAttributes(b *hclv2.Block, schema *hclv2.BodySchema, into map[string]any) hclv2.Diagnostics {
	content, diags := b.Body.Content(schema)
	for name, to := range into {
		attr := content.Attributes[name]
		if attr == nil {
			continue
		}
		v, more := attr.Expr.Value(nil)
		diags = append(diags, more...)
		if v.Type().IsObjectType() {
			if m, err := convert.Convert(v, cty.Map(cty.String)); err == nil {
				v = m
			}
		}
		if err := gocty.FromCtyValue(v, to); err != nil {
			diags = append(diags, &hclv2.Diagnostic{Severity: hclv2.DiagError, Summary: "Wrong type",
				Detail: fmt.Sprintf("%s: %v.", name, err), Subject: attr.Range.Ptr()})
		}
	}
	return diags
}

// FormatLock writes a lock.
func FormatLock(lock Lock) []byte {
	f := hclwrite.NewEmptyFile()
	for _, p := range lock.Pins {
		f.Body().AppendNewline()
		b := f.Body().AppendNewBlock("source", []string{p.Source}).Body()
		b.SetAttributeValue("url", cty.StringVal(p.URL))
		b.SetAttributeValue("sha256", cty.StringVal(p.SHA256))
		b.SetAttributeValue("content", cty.StringVal(p.Content))
		b.SetAttributeValue("size", cty.NumberIntVal(p.Size))
	}
	for _, z := range lock.Frozen {
		f.Body().AppendNewline()
		b := f.Body().AppendNewBlock("frozen", []string{z.Address}).Body()
		b.SetAttributeValue("time", cty.StringVal(z.Time))
		b.SetAttributeValue("known", cty.NumberIntVal(int64(z.Known)))
		b.SetAttributeValue("trials", cty.NumberIntVal(int64(z.Trials)))
		contrasts := make(map[string]cty.Value, len(z.Contrasts))
		for name, digest := range z.Contrasts {
			contrasts[name] = cty.StringVal(digest)
		}
		b.SetAttributeValue("contrasts", cty.ObjectVal(contrasts))
	}
	head := "# What the study's remote sources are, and what was declared before its trials were known.\n" +
		"# Written by ablate init --upgrade and ablate run; commit it.\n\n"
	return []byte(head + strings.TrimLeft(string(hclwrite.Format(f.Bytes())), "\n"))
}
