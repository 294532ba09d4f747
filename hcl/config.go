package hcl

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"

	"ablate/hcl/diag"
	"ablate/hcl/study"
)

// Config is what the machine and the team say, not the study: where the store
// is, which remote stands behind it, whom to trust, where actions can run.
type Config struct {
	CacheDir string
	Remote   RemoteConfig
	Trust    []string            // public keys; without any, also in TrustIn, what is not signed is taken
	TrustIn  map[string][]string // public keys that count in one namespace only

	Executors map[string]study.Executor // by label

	Sources map[string][]byte // the files' text, for whoever quotes it
}

// RemoteConfig is a remote block.
type RemoteConfig struct {
	URL       string
	Push      bool
	Sign      string   // a file with a private key
	Namespace string   // where results are written, and looked for first
	Read      []string // namespaces that are looked into after it, in order
}

var configSchema = &hclv2.BodySchema{Blocks: []hclv2.BlockHeaderSchema{{Type: "cache"}, {Type: "remote"}, {Type: "trust"},
	{Type: "executor", LabelNames: []string{"type", "label"}}}}

// ReadConfig reads configuration files, the later ones over the earlier. A file
// that is not there says nothing. Paths in a file are relative to it.
func ReadConfig(names ...string) (Config, diag.List) {
	c := Config{Remote: RemoteConfig{Push: true}, Sources: make(map[string][]byte)}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return c, diag.Errorf(nil, "Unreadable configuration", "%s cannot be read: %v.", name, err)
		}
		c.Sources[name] = raw
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
		switch b.Type {
		case "executor":
			diags = append(diags, c.readExecutor(b)...)
			continue
		case "trust":
			diags = append(diags, c.readTrust(b)...)
			continue
		}
		into := map[string]map[string]any{
			"cache":  {"dir": &c.CacheDir},
			"remote": {"url": &c.Remote.URL, "push": &c.Remote.Push, "sign": &c.Remote.Sign, "namespace": &c.Remote.Namespace, "read": &c.Remote.Read},
		}[b.Type]
		diags = append(diags, readFields(b, into)...)
		for _, ns := range append(c.Remote.Read, c.Remote.Namespace) {
			diags = append(diags, badNamespace(ns, b.DefRange)...)
		}
		for _, path := range []*string{&c.CacheDir, &c.Remote.Sign} {
			if *path != "" && !filepath.IsAbs(*path) {
				*path = filepath.Join(filepath.Dir(name), *path)
			}
		}
	}
	return diags
}

// readTrust reads keys, and those of single namespaces, which a later file
// replaces one by one.
func (c *Config) readTrust(b *hclv2.Block) hclv2.Diagnostics {
	content, rest, diags := b.Body.PartialContent(&hclv2.BodySchema{Blocks: []hclv2.BlockHeaderSchema{{Type: "namespace", LabelNames: []string{"name"}}}})
	own := *b
	own.Body = rest
	diags = append(diags, readFields(&own, map[string]any{"keys": &c.Trust})...)
	here := make(map[string][]string)
	for _, in := range content.Blocks {
		name := in.Labels[0]
		diags = append(diags, badNamespace(name, in.LabelRanges[0])...)
		if _, again := here[name]; again {
			diags = append(diags, &hclv2.Diagnostic{Severity: hclv2.DiagError, Summary: "Duplicate namespace",
				Detail: fmt.Sprintf("The keys of namespace %q stand above already: put them all into one block.", name), Subject: in.LabelRanges[0].Ptr()})
		}
		var keys []string
		diags = append(diags, readFields(in, map[string]any{"keys": &keys})...)
		here[name] = keys
	}
	if c.TrustIn == nil {
		c.TrustIn = make(map[string][]string)
	}
	maps.Copy(c.TrustIn, here)
	return diags
}

var namespaceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+/-]{0,99}$`)

// CheckNamespace says what is wrong with a namespace's name. "" is the default
// one's.
func CheckNamespace(name string) error {
	if name == "" || namespaceName.MatchString(name) {
		return nil
	}
	return fmt.Errorf("%q is no name of a namespace: it has up to 100 letters, digits and . _ @ + / -, and begins with a letter or a digit", name)
}

func badNamespace(name string, at hclv2.Range) hclv2.Diagnostics {
	err := CheckNamespace(name)
	if err == nil {
		return nil
	}
	return hclv2.Diagnostics{{Severity: hclv2.DiagError, Summary: "Wrong name of a namespace", Detail: err.Error() + ".", Subject: &at}}
}

// readFields reads optional attributes of constant values.
func readFields(b *hclv2.Block, into map[string]any) hclv2.Diagnostics {
	return readBlock(b, into, false)
}

// readRequired reads attributes of constant values that must all be there.
func readRequired(b *hclv2.Block, into map[string]any) hclv2.Diagnostics {
	return readBlock(b, into, true)
}

func readBlock(b *hclv2.Block, into map[string]any, required bool) hclv2.Diagnostics {
	schema := &hclv2.BodySchema{}
	names := slices.Sorted(maps.Keys(into))
	for _, name := range names {
		schema.Attributes = append(schema.Attributes, hclv2.AttributeSchema{Name: name, Required: required})
	}
	content, diags := b.Body.Content(schema)
	for _, name := range names {
		attr := content.Attributes[name]
		if attr == nil {
			continue
		}
		v, more := attr.Expr.Value(nil)
		diags = append(diags, more...)
		if more.HasErrors() {
			continue
		}
		if err := gocty.FromCtyValue(uniform(v), into[name]); err != nil {
			diags = append(diags, &hclv2.Diagnostic{Severity: hclv2.DiagError, Summary: "Wrong type",
				Detail: fmt.Sprintf("%s: %v.", name, err), Subject: attr.Range.Ptr()})
		}
	}
	return diags
}

// uniform makes a list of a tuple and a map of an object, where all that they
// hold is text.
func uniform(v cty.Value) cty.Value {
	want := v.Type()
	switch {
	case want.IsTupleType():
		want = cty.List(cty.String)
	case want.IsObjectType():
		want = cty.Map(cty.String)
	}
	if out, err := convert.Convert(v, want); err == nil {
		return out
	}
	return v
}
