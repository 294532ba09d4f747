package planner

import (
	"fmt"
	"slices"
	"strings"
)

// changeText says in one line what differs.
func changeText(changes []Change) string {
	const most = 3
	var parts []string
	for _, g := range groupSiblings(changes) {
		parts = append(parts, g.String())
	}
	if len(parts) > most {
		parts = append(parts[:most], fmt.Sprintf("and %d more", len(parts)-most))
	}
	parts = append(parts, codeText(changes)...)
	if len(parts) == 0 {
		return "its stored description differs only in notes"
	}
	return strings.Join(parts, "; ")
}

// changeGroup is changes of one parent's fields that are alike.
type changeGroup struct {
	path, parent, was, now string // path: of the first
	names                  []string
	elements               int
}

// groupSiblings folds fields of one parent that changed alike:
// norm.alpha (attention, ffn, final) 0.5 → 0.4; likewise elements of a list:
// trials.*.factors.norm.1 DyT → Tanh (6 times).
func groupSiblings(changes []Change) []*changeGroup {
	var groups []*changeGroup
	for _, c := range changes {
		if c.Code {
			continue
		}
		path := anyElement(c.Path)
		parent, name := "", path
		if i := strings.LastIndexByte(path, '.'); i >= 0 {
			parent, name = path[:i+1], path[i+1:]
		}
		i := slices.IndexFunc(groups, func(g *changeGroup) bool {
			return parent != "" && g.parent == parent && g.was == c.Was && g.now == c.Now
		})
		switch {
		case i < 0:
			groups = append(groups, &changeGroup{c.Path, parent, c.Was, c.Now, []string{name}, 1})
		case slices.Contains(groups[i].names, name):
			groups[i].elements++
		default:
			groups[i].names = append(groups[i].names, name)
		}
	}
	return groups
}

func (g *changeGroup) String() string {
	path, times := g.path, ""
	if len(g.names) > 1 {
		path = strings.TrimSuffix(g.parent, ".") + " (" + strings.Join(g.names, ", ") + ")"
	}
	if g.elements > 1 {
		path, times = anyElement(path), fmt.Sprintf(" (%d times)", g.elements)
	}
	return fmt.Sprintf("%s %s → %s%s", path, g.was, g.now, times)
}

// anyElement replaces the index of a list's element in a path by a star.
func anyElement(path string) string {
	parts := strings.Split(path, ".")
	if len(parts) < 3 || strings.Trim(parts[1], "0123456789") != "" {
		return path
	}
	parts[1] = "*"
	return strings.Join(parts, ".")
}

// codeText says which fingerprints changed, and in which part.
func codeText(changes []Change) []string {
	var names []string
	part := ""
	for _, c := range changes {
		if c.Code {
			names = append(names, c.Path)
			part = c.Part
		}
	}
	if len(names) == 0 {
		return nil
	}
	noun := "fingerprint"
	if len(names) > 1 {
		noun = "fingerprints"
	}
	line := fmt.Sprintf("the %s of %s changed", noun, strings.Join(names, " and "))
	if part != "" {
		line += fmt.Sprintf(", in the part %q", part)
	}
	return []string{line}
}
