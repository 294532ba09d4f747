package hcl

import (
	"fmt"
	"os"
	"path/filepath"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"

	"ablate/hcl/diag"
)

// Config is what the machine and the team say, not the study: where the store
// is, which remote stands behind it, whom to trust, where actions can run.
type Config struct {
	CacheDir string
	Remote   RemoteConfig
	Trust    []string // public keys; nil takes what is not signed

	Executors map[string]Executor // by label
}

// RemoteConfig is a remote block.
type RemoteConfig struct {
	URL  string
	Push bool
	Sign string // a file with a private key
}

var configSchema = &hclv2.BodySchema{Blocks: []hclv2.BlockHeaderSchema{{Type: "cache"}, {Type: "remote"}, {Type: "trust"},
	{Type: "executor", LabelNames: []string{"type", "label"}}}}

// ReadConfig reads configuration files, the later ones over the earlier. A file
// that is not there says nothing. Paths in a file are relative to it.
func ReadConfig(names ...string) (Config, diag.List) {
	c := Config{Remote: RemoteConfig{Push: true}}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return c, diag.Errorf(nil, "Unreadable configuration", "%s cannot be read: %v.", name, err)
		}
		if diags := c.read(name, raw); diags.HasErrors() {
			return c, translate(diags)
		}
	}
	return c, nil
}

func (c *Config) read(name string, raw []byte) hclv2.Diagnostics {
	file, diags := hclsyntax.ParseConfig(raw, name, hclv2.InitialPos)
	if diags.HasErrors() {
		return diags
	}
	content, diags := file.Body.Content(configSchema)
	for _, b := range content.Blocks {
		if b.Type == "executor" {
			diags = append(diags, c.readExecutor(b)...)
			continue
		}
		into := map[string]map[string]any{
			"cache":  {"dir": &c.CacheDir},
			"remote": {"url": &c.Remote.URL, "push": &c.Remote.Push, "sign": &c.Remote.Sign},
			"trust":  {"keys": &c.Trust},
		}[b.Type]
		diags = append(diags, readFields(b, into)...)
		for _, path := range []*string{&c.CacheDir, &c.Remote.Sign} {
			if *path != "" && !filepath.IsAbs(*path) {
				*path = filepath.Join(filepath.Dir(name), *path)
			}
		}
	}
	return diags
}

// readFields reads optional attributes of constant values.
func readFields(b *hclv2.Block, into map[string]any) hclv2.Diagnostics {
	schema := &hclv2.BodySchema{}
	for name := range into {
		schema.Attributes = append(schema.Attributes, hclv2.AttributeSchema{Name: name})
	}
	content, diags := b.Body.Content(schema)
	for name, attr := range content.Attributes {
		v, more := attr.Expr.Value(nil)
		diags = append(diags, more...)
		if more.HasErrors() {
			continue
		}
		if v.Type().IsTupleType() {
			if list, err := convert.Convert(v, cty.List(cty.String)); err == nil {
				v = list
			}
		}
		if err := gocty.FromCtyValue(v, into[name]); err != nil {
			diags = append(diags, &hclv2.Diagnostic{Severity: hclv2.DiagError, Summary: "Wrong type",
				Detail: fmt.Sprintf("%s: %v.", name, err), Subject: attr.Range.Ptr()})
		}
	}
	return diags
}
