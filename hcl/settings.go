package hcl

import (
	"path/filepath"
	"strings"
	"unicode"

	hclv2 "github.com/hashicorp/hcl/v2"
)

var settingsSchema = &hclv2.BodySchema{Attributes: []hclv2.AttributeSchema{
	{Name: "description"}, {Name: "seed"}, {Name: "numerics"}, {Name: "env"},
}}

func (l *loader) collectSettings(b *hclv2.Block) {
	if l.settings != nil {
		l.fail(rangeOf(b.DefRange), "Duplicate study block", "A folder is one study, which is already declared at %s. Remove one of the two blocks.", rangeOf(l.settings.DefRange))
		return
	}
	l.settings = b
	l.study.Name = b.Labels[0]
	if strings.TrimSpace(l.study.Name) == "" || strings.ContainsFunc(l.study.Name, unicode.IsControl) {
		l.fail(rangeOf(b.LabelRanges[0]), "Invalid name", "The name of a study is one line of text, not %q.", l.study.Name)
	}
}

// evalSettings reads the study block.
func (l *loader) evalSettings() {
	b := l.settings
	if b == nil {
		l.study.Name = folderName(l.opts.Dir)
		return
	}
	content, diags := b.Body.Content(settingsSchema)
	l.upstream(renameUnknown(diags, settingsSchema))
	d := decoder{l: l, sc: scope{noStages: "The study block cannot refer to stages. Use variables and locals."}}
	d.plain(content.Attributes["description"], &l.study.Description)
	d.plain(content.Attributes["seed"], &l.study.Seed)
	d.plain(content.Attributes["numerics"], &l.study.Numerics)
	d.plain(content.Attributes["env"], &l.env)
	if n := l.study.Numerics; n != "record" && n != "strict" {
		l.fail(rangeOf(content.Attributes["numerics"].Expr.Range()), "Invalid value", `numerics must be "record" or "strict", not %q.`, n)
	}
	for _, name := range l.env {
		if isSecret(name) {
			l.fail(rangeOf(content.Attributes["env"].Expr.Range()), "Secret in a study",
				"%s looks like a credential. Values that a study reads may end up in files and in keys. Remove it here: drivers read their credentials from the environment.", name)
		}
	}
}

// isSecret reports whether an environment variable has the name of a secret.
func isSecret(name string) bool {
	for _, end := range []string{"_TOKEN", "_KEY", "_SECRET", "_PASSWORD"} {
		if strings.HasSuffix(strings.ToUpper(name), end) {
			return true
		}
	}
	return false
}

func folderName(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		abs = dir
	}
	return filepath.Base(abs)
}
