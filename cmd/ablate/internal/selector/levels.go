package selector

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ablate/hcl/addr"
)

// byLevels selects the candidates that have all the named levels.
func (x *Index) byLevels(among []Candidate, text string) ([]Candidate, error) {
	names, levels, ok := addr.ParseKey(text)
	if !ok {
		return nil, fmt.Errorf("%s: write levels as factor=level, separated by commas", quote(text))
	}
	found := among
	for i, name := range names {
		wanted := levels[i]
		if unquoted, err := strconv.Unquote(wanted); err == nil {
			wanted = unquoted
		}
		accepted, err := findLevels(among, name, wanted)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", quote(text), err)
		}
		found = filter(found, func(c Candidate) bool {
			f := addr.FactorNamed(c.Factors, name)
			return f != nil && slices.Contains(accepted, f.Level)
		})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: each of these levels exists, but no %s has them together", quote(text), x.noun)
	}
	return found, nil
}

// findLevels returns the levels of a factor that a text names: by their text, by
// address, by label, or by the one number that is equal.
func findLevels(among []Candidate, factor, wanted string) ([]addr.Level, error) {
	known, factors := factorsOf(among, factor)
	if len(known) == 0 {
		return nil, fmt.Errorf("no factor is named %q%s", factor, suggest(factor, factors))
	}
	readings := []func(*addr.Factor) bool{
		func(f *addr.Factor) bool {
			return f.Level.Text == wanted && f.Level.Kind != "ref" || f.Level.String() == wanted
		},
		func(f *addr.Factor) bool {
			a, err := addr.Parse(wanted) // a shell may have removed the quotes of its key
			return f.Level.Kind == "ref" && err == nil && f.Level.Ref == a
		},
		func(f *addr.Factor) bool { return f.Label == wanted },
		func(f *addr.Factor) bool {
			return addr.Glob(wanted, f.Level.String()) || f.Level.Kind == "string" && addr.Glob(wanted, f.Level.Text)
		},
		func(f *addr.Factor) bool { return f.Level.Kind == "ref" && addr.Glob(wanted, f.Level.Ref.String()) },
		func(f *addr.Factor) bool { return f.Level.Kind == "ref" && f.Level.Ref.Stage.Name == wanted },
		func(f *addr.Factor) bool { return f.Level.Kind == "ref" && nameAndKey(f.Level.Ref) == wanted },
		func(f *addr.Factor) bool { return shownAs(f, wanted) },
		func(f *addr.Factor) bool { return f.Level.Kind == "ref" && f.Level.Ref.Stage.Type == wanted },
		func(f *addr.Factor) bool { return strings.EqualFold(f.Label, wanted) },
	}
	for _, reading := range readings {
		var out []addr.Level
		for _, f := range known {
			if reading(f) {
				out = append(out, f.Level)
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
	levels := make([]addr.Level, len(known))
	texts := make([]string, len(known))
	for i, f := range known {
		levels[i], texts[i] = f.Level, f.Level.String()
	}
	i, err := addr.FindLevel(levels, addr.Level{Kind: "number", Text: wanted})
	if err != nil {
		return nil, err
	}
	if i < 0 {
		return nil, fmt.Errorf("the factor %s has no level %q%s", factor, wanted, suggest(wanted, texts))
	}
	return levels[i : i+1], nil
}

// shownAs reports whether a text is a label with the suffix by which tables tell
// levels of one label apart.
func shownAs(f *addr.Factor, text string) bool {
	suffix, ok := strings.CutPrefix(text, f.Label+" (")
	suffix, closed := strings.CutSuffix(suffix, ")")
	if !ok || !closed || f.Level.Kind != "ref" {
		return false
	}
	ref := f.Level.Ref
	return suffix == ref.Key || suffix == ref.Stage.Name || suffix == ref.Stage.Type || suffix == f.Level.String()
}

// factorsOf lists the distinct levels of a factor, and the names of all factors.
func factorsOf(among []Candidate, factor string) (levels []*addr.Factor, names []string) {
	seen := make(map[addr.Level]bool)
	known := make(map[string]bool)
	for _, c := range among {
		for _, f := range c.Factors {
			if !known[f.Name] {
				known[f.Name] = true
				names = append(names, f.Name)
			}
			if f.Name == factor && !seen[f.Level] {
				seen[f.Level] = true
				levels = append(levels, f)
			}
		}
	}
	return levels, names
}
