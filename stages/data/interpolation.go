package data

import (
	"maps"
	"regexp"
	"strings"
)

// Interpolations of OmegaConf, in which Hydra and programs save configurations as they
// were written: the one that is innermost, and the path of a parameter in one, which is
// relative if it begins with dots. Others call a function.
var (
	interpolation = regexp.MustCompile(`\$\{([^${}]*)\}`)
	parameterPath = regexp.MustCompile(`^(\.*)([\w-]+(?:\.[\w-]+)*)$`)
)

// maxInterpolations bounds how many interpolations lead to a value, and how many it has.
const maxInterpolations = 32

// maxInterpolated bounds the text of a value: values that name others twice grow quickly.
const maxInterpolated = 4096

// interpolate replaces interpolations by the parameters that they name. A value with one
// that only the program could replace is no level: two of them may differ.
func interpolate(parameters map[string]cell) {
	replaced := make(map[string]cell)
	for name, c := range parameters {
		if isInterpolated(c) {
			replaced[name] = interpolated(parameters, name, c, maxInterpolations)
		}
	}
	maps.Copy(parameters, replaced)
}

// isInterpolated reports whether a value has an interpolation. A backslash escapes it.
func isInterpolated(c cell) bool {
	return c.kind == textual && strings.Contains(strings.ReplaceAll(c.text, `\${`, ""), "${")
}

func interpolated(parameters map[string]cell, name string, c cell, most int) cell {
	open := cell{composed, c.text}
	for range most {
		if !isInterpolated(c) {
			return c
		}
		at := interpolation.FindStringSubmatchIndex(c.text)
		if at == nil || at[0] > 0 && c.text[at[0]-1] == '\\' {
			return open
		}
		from := absolute(name, c.text[at[2]:at[3]])
		value, ok := parameters[from]
		if isInterpolated(value) {
			value = interpolated(parameters, from, value, most/2)
		}
		whole := at[0] == 0 && at[1] == len(c.text)
		switch {
		case !ok, value.kind != textual && value.kind != numeric && (!whole || value.kind == composed):
			return open
		case whole:
			return value
		}
		if c.text = c.text[:at[0]] + value.text + c.text[at[1]:]; len(c.text) > maxInterpolated {
			return open
		}
	}
	return open
}

// absolute is the parameter that a path names in the value of another one.
func absolute(name, to string) string {
	m := parameterPath.FindStringSubmatch(to)
	if m == nil {
		return ""
	}
	above := strings.Split(name, ".")
	if m[1] == "" {
		above = nil
	}
	above = above[:max(0, len(above)-len(m[1]))]
	return strings.Join(append(above, m[2]), ".")
}
