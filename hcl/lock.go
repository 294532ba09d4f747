package hcl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"ablate/hcl/diag"
	"ablate/hcl/study"
)

// Lock is the content of a lock file.
type Lock struct {
	Pins   []study.Pin
	Frozen []study.Frozen

	Damaged diag.List // what is wrong with pins that are left out; ablate init --upgrade writes them anew
	Text    []byte    // the file, for diagnostics to quote from
}

var lockSchema = &hclv2.BodySchema{Blocks: []hclv2.BlockHeaderSchema{
	{Type: "source", LabelNames: []string{"name"}}, {Type: "frozen", LabelNames: []string{"address"}},
}}

// What to do about a damaged lock. Nothing can write anew what was frozen.
const (
	repin   = "Restore it, or pin what the source is now with ablate init --upgrade."
	restore = "Restore " + study.LockFile + " from your version control. Without it, ablate init --upgrade pins what the sources are now, " +
		"but what analyses had declared before their trials were known is lost."
	newer = "A newer ablate may have written it: use that one. Else remove it."
)

// ReadLock reads the lock of a study's folder; it is empty where there is none.
func ReadLock(dir string) (Lock, diag.List) {
	raw, err := os.ReadFile(filepath.Join(dir, study.LockFile))
	if os.IsNotExist(err) {
		return Lock{}, nil
	}
	lock := Lock{Text: raw}
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return lock, lockError(hclv2.Range{Filename: study.LockFile}, "Unreadable lock", "%s cannot be read: %v. It must be a file that you may read: put that right, or move away what is there.", study.LockFile, err)
	}
	if list := mergeLeft(raw); list != nil {
		return lock, list
	}
	file, diags := hclsyntax.ParseConfig(raw, study.LockFile, hclv2.InitialPos)
	if diags.HasErrors() {
		return lock, advise(diags[:1], restore) // more would follow from the first
	}
	content, diags := file.Body.Content(lockSchema)
	list := advise(diags, restore)
	seen := make(map[[2]string]bool)
	for _, b := range content.Blocks {
		id := [2]string{b.Type, b.Labels[0]}
		again := seen[id]
		seen[id] = true
		switch {
		case again && b.Type == "source":
			lock.Damaged = append(lock.Damaged, lockError(b.DefRange, "Pinned twice", "%q is pinned above already. Keep one of the two, or pin what the source is now with ablate init --upgrade.", id[1])...)
		case again:
			list = append(list, lockError(b.DefRange, "Frozen twice", "What %s had declared stands above already. Keep the older of the two.", id[1])...)
		case b.Type == "source":
			list = append(list, lock.readPin(b)...)
		default:
			list = append(list, lock.readFrozen(b)...)
		}
	}
	return lock, list
}

// mergeLeft reports what git leaves where two sides do not go together.
func mergeLeft(raw []byte) diag.List {
	number := 0
	for line := range strings.Lines(string(raw)) {
		number++
		if strings.HasPrefix(line, "<<<<<<<") || strings.HasPrefix(line, "=======") || strings.HasPrefix(line, ">>>>>>>") {
			at := hclv2.Range{Filename: study.LockFile, Start: hclv2.Pos{Line: number, Column: 1}, End: hclv2.Pos{Line: number, Column: 8}}
			return lockError(at, "Unfinished merge", "Two versions of %s were merged, and here they differ. Remove the lines of marks, and of blocks with the same label keep one: "+
				"of source the one that you want, of frozen the older.", study.LockFile)
		}
	}
	return nil
}

func lockError(at hclv2.Range, summary, detail string, args ...any) diag.List {
	list := diag.Errorf(nil, summary, detail, args...)
	list[0].Range = rangeOf(at)
	return list
}

// advise adds what to do next.
func advise(diags hclv2.Diagnostics, next string) diag.List {
	list := translate(diags)
	for i, d := range list {
		step := next
		if isUnknown(d) {
			step = newer
		}
		list[i].Detail = d.Detail + " " + step
	}
	return list
}

func isUnknown(d diag.Diagnostic) bool {
	return d.Summary == "Unknown attribute" || d.Summary == "Unknown block"
}

var hexDigest = regexp.MustCompile("^[0-9a-f]{64}$")

// readPin returns what a newer program may have written; what else is wrong can
// be written anew.
func (l *Lock) readPin(b *hclv2.Block) (unknown diag.List) {
	pin := study.Pin{Source: b.Labels[0]}
	damaged := advise(readRequired(b, map[string]any{
		"url": &pin.URL, "sha256": &pin.SHA256, "content": &pin.Content, "size": &pin.Size,
	}), repin)
	if len(damaged) == 0 {
		damaged = checkPin(pin, b)
	}
	if len(damaged) == 0 {
		l.Pins = append(l.Pins, pin)
		return nil
	}
	for _, d := range damaged {
		if isUnknown(d) {
			unknown = append(unknown, d)
		} else {
			l.Damaged = append(l.Damaged, d)
		}
	}
	return unknown
}

// checkPin refuses values that nobody has written.
func checkPin(p study.Pin, b *hclv2.Block) (list diag.List) {
	attrs, _ := b.Body.JustAttributes()
	for _, d := range []struct{ name, hex string }{{"sha256", p.SHA256}, {"content", p.Content}} {
		if !hexDigest.MatchString(d.hex) {
			list = append(list, lockError(attrs[d.name].Range, "Damaged pin", "%s of %q is not the 64 lower-case hexadecimal digits of a SHA-256. "+repin, d.name, p.Source)...)
		}
	}
	if p.Size < 0 {
		list = append(list, lockError(attrs["size"].Range, "Damaged pin", "size of %q is below 0. "+repin, p.Source)...)
	}
	return list
}

func (l *Lock) readFrozen(b *hclv2.Block) diag.List {
	frozen := study.Frozen{Address: b.Labels[0]}
	list := advise(readRequired(b, map[string]any{
		"time": &frozen.Time, "known": &frozen.Known, "trials": &frozen.Trials, "contrasts": &frozen.Contrasts,
	}), restore)
	for _, name := range sortedKeys(frozen.Contrasts) {
		if attrs, _ := b.Body.JustAttributes(); !hexDigest.MatchString(frozen.Contrasts[name]) {
			list = append(list, lockError(attrs["contrasts"].Range, "Damaged declaration",
				"What contrasts says of %q is not the 64 lower-case hexadecimal digits of a SHA-256. "+restore, name)...)
		}
	}
	l.Frozen = append(l.Frozen, frozen)
	return list
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
