package answer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"ablate/cache"
	"ablate/hcl/addr"
)

// Number is one number of an analysis, under a name that a paper can use.
type Number struct {
	Name    string // ANALYSIS/KIND/WHAT/FIELD
	Value   float64
	What    string        // the contrast or cell in words
	Address addr.Instance // the analysis that it comes from
	Key     cache.Key     // of that
	Result  cache.Digest

	kind, what, field string
	identity          string // of the cell or contrast: differs where what may not
	decimals          int    // how many it is written with
}

// Numbers lists the numbers of the result of an analysis, without their names.
func (r Result) Numbers(of addr.Instance, key cache.Key) []Number {
	var out []Number
	add := func(kind, what, identity, field string, v, uncertainty *float64) {
		if v != nil {
			out = append(out, Number{Value: *v, What: kind + " " + what + ", " + field, Address: of, Key: key, Result: r.Digest,
				kind: kind, what: what, identity: kind + " " + identity, field: field, decimals: decimals(field, *v, uncertainty)})
		}
	}
	for _, x := range r.All() {
		of := ""
		if r.Others != nil {
			of = x.Response + " "
		}
		for _, c := range x.Cells {
			if len(c.Levels) == 0 { // of a mechanism, whose cells are by step and layer
				continue
			}
			n := float64(c.N)
			what, identity := of+strings.Join(c.Levels, " "), of+fmt.Sprintf("%q", c.Levels)
			add("cell", what, identity, "mean", c.Mean, c.SD)
			add("cell", what, identity, "sd", c.SD, c.SD)
			add("cell", what, identity, "n", &n, nil)
		}
	}
	for _, l := range r.lines() {
		for _, f := range []struct {
			name               string
			value, uncertainty *float64
		}{
			{"estimate", l.Estimate, l.HalfWidth}, {"low", l.Low, l.HalfWidth}, {"high", l.High, l.HalfWidth},
			{"low-adjusted", l.LowAdjusted, l.HalfWidth}, {"high-adjusted", l.HighAdjusted, l.HalfWidth},
			{"f", l.F, nil}, {"p", l.P, nil}, {"p-holm", l.PHolm, nil}, {"p-adjusted", l.PAdjusted, nil},
			{"half-width", l.HalfWidth, l.HalfWidth}, {"detectable", l.Detectable, l.HalfWidth}, {"eta2", l.Eta2, nil}, {"omega2", l.Omega2, nil},
		} {
			add(l.Kind, strings.TrimSpace(l.Response+" "+l.Name), l.identity, f.name, f.value, f.uncertainty)
		}
	}
	return out
}

// Name gives every number of a study's analyses a name of its own. A part that reads
// like that of another number, such as the cells (x, y-z) and (x-y, z), is told apart
// by digits of a hash. A number that occurs twice is kept once.
func Name(list []Number) ([]Number, error) {
	analyses, whats := make(readings), make(readings)
	for _, n := range list {
		analyses.add(slug(n.Address.Stage.Name), n.Address.String())
		whats.add(n.Address.String()+" "+n.kind+" "+slug(n.what), n.identity)
	}
	var out []Number
	taken := make(map[string]Number)
	for _, n := range list {
		n.Name = strings.Join([]string{
			analyses.distinct(slug(n.Address.Stage.Name), slug(n.Address.Stage.Name), n.Address.String()), slug(n.kind),
			whats.distinct(n.Address.String()+" "+n.kind+" "+slug(n.what), slug(n.what), n.identity), slug(n.field),
		}, "/")
		old, again := taken[n.Name]
		switch {
		case again && old.Value == n.Value && old.identity == n.identity && old.Address == n.Address:
			continue
		case again:
			return nil, fmt.Errorf("two numbers have the name %s: %s of %s, and %s of %s; rename a level or an analysis", n.Name, old.What, old.Address, n.What, n.Address)
		}
		taken[n.Name] = n
		out = append(out, n)
	}
	return out, nil
}

// readings collects what each slug stands for.
type readings map[string]map[string]bool

func (r readings) add(key, identity string) {
	if r[key] == nil {
		r[key] = make(map[string]bool)
	}
	r[key][identity] = true
}

// distinct is the slug, followed by a hash where it is empty or stands for several.
func (r readings) distinct(key, slug, identity string) string {
	if slug != "" && len(r[key]) == 1 {
		return slug
	}
	const digits = 6
	sum := sha256.Sum256([]byte(identity))
	return strings.TrimPrefix(slug+"."+hex.EncodeToString(sum[:])[:digits], ".")
}

var notInNames = regexp.MustCompile(`[^a-z0-9.]+`)

// slug is a text as a part of a name. Different texts may have the same slug.
func slug(s string) string {
	return strings.Trim(notInNames.ReplaceAllString(strings.ToLower(s), "-"), "-")
}
