package hcl

import (
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// FormatLock writes a lock in HCL.
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
