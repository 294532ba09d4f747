package hcl

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"

	hclv2 "github.com/hashicorp/hcl/v2"

	"ablate/hcl/diag"
	"ablate/hcl/study"
)

// Config is the configuration of the user and the team, which does not belong to
// a study: where the store is, which remote it uses, which signatures are
// trusted, and where actions can run.
type Config struct {
	CacheDir string
	Remote   RemoteConfig
	Trust    []string            // public keys; if there are none here or in TrustIn, unsigned results are accepted
	TrustIn  map[string][]string // public keys that are trusted in one namespace only

	Executors map[string]study.Executor // by label

	OnFinish  []string // the program that is started after a run, and its arguments
	OnFailure []string // the one after a run that failed
	NotifyIn  string   // the file that names them last

	Sources map[string][]byte // the text of the files, for snippets
}

// RemoteConfig is a remote block.
type RemoteConfig struct {
	URL       string
	Push      bool     // whether run sends what it computes
	Sign      string   // a file with a private key
	Identify  bool     // whether provenance names the machine and the user
	Namespace string   // where results are written, and looked up first
	Read      []string // further namespaces to look up results in, in order
}

var configSchema = &hclv2.BodySchema{Blocks: []hclv2.BlockHeaderSchema{{Type: "cache"}, {Type: "remote"}, {Type: "trust"}, {Type: "notify"},
	{Type: "executor", LabelNames: []string{"type", "label"}}}}

// ReadConfig reads configuration files; later ones override earlier ones. Files
// that do not exist are skipped. Paths in a file are relative to it.
func ReadConfig(names ...string) (Config, diag.List) {
	c := Config{Sources: make(map[string][]byte)}
	for _, name := range names {
		raw, err := readFile(name)
		if errors.Is(err, fs.ErrNotExist) && !dangling(name) {
			continue
		}
		if err != nil {
			return c, diag.Errorf(nil, "Unreadable configuration", "Cannot read %s: %v.", name, err)
		}
		c.Sources[name] = raw
		if diags := c.read(name, raw); diags.HasErrors() {
			return c, translate(diags)
		}
	}
	return c, nil
}

// dangling reports whether a file, or a folder above it, is a link to what does not
// exist: the file was configured and cannot be found, which must not pass for none.
func dangling(name string) bool {
	for {
		if _, err := os.Lstat(name); err == nil {
			_, err = os.Stat(name)
			return errors.Is(err, fs.ErrNotExist)
		}
		above := filepath.Dir(name)
		if above == name {
			return false
		}
		name = above
	}
}

func (c *Config) read(name string, raw []byte) hclv2.Diagnostics {
	file, diags := parseFile(name, raw)
	if diags.HasErrors() {
		return diags
	}
	content, diags := file.Body.Content(configSchema)
	diags = renameUnknown(diags, configSchema)
	for _, b := range content.Blocks {
		diags = append(diags, c.readBlock(b)...)
		if b.Type == "notify" {
			c.NotifyIn = name
		}
	}
	for _, path := range []*string{&c.CacheDir, &c.Remote.Sign} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(filepath.Dir(name), *path)
		}
	}
	return diags
}

func (c *Config) readBlock(b *hclv2.Block) hclv2.Diagnostics {
	switch b.Type {
	case "executor":
		return c.readExecutor(b)
	case "trust":
		return c.readTrust(b)
	case "notify":
		return readFields(b, map[string]any{"on_finish": &c.OnFinish, "on_failure": &c.OnFailure})
	case "cache":
		return readFields(b, map[string]any{"dir": &c.CacheDir})
	}
	r := &c.Remote
	diags := readFields(b, map[string]any{"url": &r.URL, "push": &r.Push, "identify": &r.Identify, "sign": &r.Sign, "namespace": &r.Namespace, "read": &r.Read})
	diags = append(diags, checkNamespace(r.Namespace, b.DefRange)...)
	for _, ns := range r.Read {
		diags = append(diags, checkNamespace(ns, b.DefRange)...)
	}
	return diags
}

// readTrust reads the trusted keys, and those of single namespaces. A later file
// replaces the keys of a namespace.
func (c *Config) readTrust(b *hclv2.Block) hclv2.Diagnostics {
	schema := &hclv2.BodySchema{Blocks: []hclv2.BlockHeaderSchema{{Type: "namespace", LabelNames: []string{"name"}}}}
	content, rest, diags := b.Body.PartialContent(schema)
	diags = renameUnknown(diags, schema)
	own := *b
	own.Body = rest
	diags = append(diags, readFields(&own, map[string]any{"keys": &c.Trust})...)
	inFile := make(map[string][]string)
	for _, ns := range content.Blocks {
		name := ns.Labels[0]
		diags = append(diags, checkNamespace(name, ns.LabelRanges[0])...)
		if _, duplicate := inFile[name]; duplicate {
			diags = append(diags, problem(ns.LabelRanges[0], "Duplicate namespace", "The keys of namespace %q are already declared above. Merge the two blocks.", name)...)
		}
		var keys []string
		diags = append(diags, readFields(ns, map[string]any{"keys": &keys})...)
		inFile[name] = keys
	}
	if c.TrustIn == nil {
		c.TrustIn = make(map[string][]string)
	}
	maps.Copy(c.TrustIn, inFile)
	return diags
}

var namespaceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+/-]{0,99}$`)

// CheckNamespace returns an error if the name of a namespace is not valid. ""
// names the default namespace.
func CheckNamespace(name string) error {
	if name == "" || namespaceName.MatchString(name) {
		return nil
	}
	return fmt.Errorf("%q is not a valid name for a namespace: use up to 100 letters, digits and . _ @ + / -, starting with a letter or a digit", name)
}

func checkNamespace(name string, at hclv2.Range) hclv2.Diagnostics {
	if err := CheckNamespace(name); err != nil {
		return problem(at, "Invalid namespace", "%v.", err)
	}
	return nil
}

// problem is a list of one error in the library's type.
func problem(at hclv2.Range, summary, detail string, args ...any) hclv2.Diagnostics {
	return hclv2.Diagnostics{{Severity: hclv2.DiagError, Summary: summary, Detail: fmt.Sprintf(detail, args...), Subject: &at}}
}
