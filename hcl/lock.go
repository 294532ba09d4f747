package hcl

import (
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"

	hclv2 "github.com/hashicorp/hcl/v2"

	"ablate/hcl/diag"
	"ablate/hcl/study"
)

// Lock is the content of a lock file.
type Lock struct {
	Pins   []study.Pin
	Frozen []study.Frozen

	Damaged diag.List // errors of pins that are left out; ablate init --upgrade writes them again
	Text    []byte    // the file, for snippets
}

var lockSchema = &hclv2.BodySchema{Blocks: []hclv2.BlockHeaderSchema{
	{Type: "source", LabelNames: []string{"name"}}, {Type: "frozen", LabelNames: []string{"address"}},
}}

// Next steps for a damaged lock. A pin can be made again; a frozen declaration
// cannot.
const (
	repin   = "Restore it, or pin the source's current content with ablate init --upgrade."
	restore = "Restore " + study.LockFile + " from version control. Without it, ablate init --upgrade pins the current content of the sources, " +
		"but the record of what analyses declared before their trials finished is lost."
	newer = "A newer version of ablate may have written it; use that version. Otherwise, remove it."
)

// ReadLock reads the lock of a study's folder; it is empty if there is none.
func ReadLock(dir string) (Lock, diag.List) {
	raw, err := readFile(filepath.Join(dir, study.LockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Lock{}, nil
	}
	lock := Lock{Text: raw}
	if err != nil {
		return lock, lockError(hclv2.Range{Filename: study.LockFile}, "Unreadable lock", "Cannot read %s: %v. It must be a regular file that you can read. Correct its permissions, or move it away.", study.LockFile, err)
	}
	if list := findConflict(raw); list != nil {
		return lock, list
	}
	file, diags := parseFile(study.LockFile, raw)
	if diags.HasErrors() {
		return lock, advise(diags[:1], restore) // the others follow from the first
	}
	content, diags := file.Body.Content(lockSchema)
	return lock, append(advise(renameUnknown(diags, lockSchema), restore), lock.readBlocks(content.Blocks)...)
}

// SizeLine returns the line of the size of a pin, 0 where there is none.
func (l Lock) SizeLine(source string) int {
	file, diags := parseFile(study.LockFile, l.Text)
	if diags.HasErrors() {
		return 0
	}
	content, _ := file.Body.Content(lockSchema) // errors are those of ReadLock
	for _, b := range content.Blocks {
		if attrs, _ := b.Body.JustAttributes(); b.Type == "source" && b.Labels[0] == source && attrs["size"] != nil {
			return attrs["size"].Range.Start.Line
		}
	}
	return 0
}

// readBlocks returns the errors that keep the lock from being used. Those of pins
// go to Damaged.
func (l *Lock) readBlocks(blocks hclv2.Blocks) (list diag.List) {
	seen := make(map[[2]string]bool)
	for _, b := range blocks {
		id := [2]string{b.Type, b.Labels[0]}
		duplicate := seen[id]
		seen[id] = true
		switch {
		case duplicate && b.Type == "source":
			l.Damaged = append(l.Damaged, lockError(b.DefRange, "Duplicate pin", "%q is already pinned above. Remove one of the two, or pin the source's current content with ablate init --upgrade.", id[1])...)
		case duplicate:
			list = append(list, lockError(b.DefRange, "Duplicate declaration", "The declaration of %s is already frozen above. Keep the older of the two.", id[1])...)
		case b.Type == "source":
			list = append(list, l.readPin(b)...)
		default:
			list = append(list, l.readFrozen(b)...)
		}
	}
	return list
}

// findConflict reports the markers that git leaves at a merge conflict.
func findConflict(raw []byte) diag.List {
	number := 0
	for line := range strings.Lines(string(raw)) {
		number++
		if strings.HasPrefix(line, "<<<<<<<") || strings.HasPrefix(line, "=======") || strings.HasPrefix(line, ">>>>>>>") {
			at := hclv2.Range{Filename: study.LockFile, Start: hclv2.Pos{Line: number, Column: 1}, End: hclv2.Pos{Line: number, Column: 8}}
			return lockError(at, "Merge conflict", "%s contains an unresolved merge conflict. Remove the conflict markers. Of source blocks with the same label, keep the one you want; "+
				"of frozen blocks, keep the older.", study.LockFile)
		}
	}
	return nil
}

func lockError(at hclv2.Range, summary, detail string, args ...any) diag.List {
	list := diag.Errorf(nil, summary, detail, args...)
	list[0].Range = rangeOf(at)
	return list
}

// advise adds the next step to each error.
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

// readPin adds a pin. It returns attributes that a newer version may have
// written; all other errors go to Damaged, since the pin can be made again.
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

// checkPin refuses values that ablate never writes.
func checkPin(p study.Pin, b *hclv2.Block) (list diag.List) {
	attrs, _ := b.Body.JustAttributes()
	for _, d := range []struct{ name, hex string }{{"sha256", p.SHA256}, {"content", p.Content}} {
		if !hexDigest.MatchString(d.hex) {
			list = append(list, lockError(attrs[d.name].Range, "Damaged pin", "%s of %q is not a SHA-256 in 64 lower-case hexadecimal digits. "+repin, d.name, p.Source)...)
		}
	}
	if p.Size < 0 {
		list = append(list, lockError(attrs["size"].Range, "Damaged pin", "size of %q is negative. "+repin, p.Source)...)
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
				"The value of contrasts for %q is not a SHA-256 in 64 lower-case hexadecimal digits. "+restore, name)...)
		}
	}
	l.Frozen = append(l.Frozen, frozen)
	return list
}
