package selector

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ablate/hcl/nearest"
)

// suggestion names what a user may have meant: the nearest of all names, or the stages.
func (x *Index) suggestion(text string) string {
	head, _, _ := strings.Cut(text, "[")
	return cmp.Or(meant(head, x.names()), listed(x.stages()))
}

// stages lists the addresses of the candidates' stages.
func (x *Index) stages() []string {
	var out []string
	for _, c := range x.all {
		if name := c.Address.Stage.String(); !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// names lists the names that candidates go by, without their keys.
func (x *Index) names() []string {
	var out []string
	seen := make(map[string]bool)
	add := func(s string) {
		if s != "" && !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	for _, s := range x.stages() {
		add(s)
	}
	for _, c := range x.all {
		add(c.Address.Stage.Name)
		add(c.Address.Stage.Type + "." + c.Address.Stage.Name)
		if c.Factors == nil {
			add(c.Label)
		}
	}
	return out
}

// suggest names the known text that differs least, or the first few known texts.
func suggest(text string, known []string) string { return cmp.Or(meant(text, known), listed(known)) }

func meant(text string, known []string) string {
	const most = 3
	if best, _ := nearest.Name(text, known, min(most, len(text)/2)+1); best != "" {
		return fmt.Sprintf(". Did you mean %q?", best)
	}
	return ""
}

func listed(known []string) string {
	const most = 6
	switch {
	case len(known) == 0:
		return ""
	case len(known) > most:
		return fmt.Sprintf("; it has %s and %d more", strings.Join(known[:most], ", "), len(known)-most)
	}
	return "; it has " + strings.Join(known, ", ")
}

// Complete lists texts that begin like the given one, for a shell's completion: names
// and addresses, or factors and levels once the text has an equals sign.
func (x *Index) Complete(text string) []string {
	var out []string
	if i := strings.LastIndexAny(text, ",["); i >= 0 || strings.Contains(text, "=") {
		out = x.completeLevels(text[:i+1], text[i+1:])
	} else {
		out = append(out, x.names()...)
		for _, factor := range x.factors() {
			out = append(out, factor+"=")
		}
	}
	out = slices.DeleteFunc(out, func(s string) bool { return !strings.HasPrefix(s, text) })
	slices.Sort(out)
	return slices.Compact(out)
}

// factors lists the names of all factors.
func (x *Index) factors() []string {
	_, names := factorsOf(x.all, "")
	return names
}

// completeLevels completes the last factor=level of a text; before is what precedes
// it.
func (x *Index) completeLevels(before, last string) []string {
	var out []string
	name, _, chosen := strings.Cut(last, "=")
	if !chosen {
		for _, factor := range x.factors() {
			if !strings.Contains(","+before, ","+factor+"=") {
				out = append(out, before+factor+"=")
			}
		}
		return out
	}
	levels, _ := factorsOf(x.all, name)
	for _, f := range levels {
		out = append(out, before+name+"="+f.Level.String())
	}
	return out
}
