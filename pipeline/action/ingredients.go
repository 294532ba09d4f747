package action

import (
	"strings"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/pipeline"
)

// keyDomain separates keys of actions from all other hashes, and holds the version
// of the layout below.
const keyDomain = "ablate action v1"

// ingredients returns the full description of an action of the kind: what its key
// hashes, and what explanations compare.
func (k *Kind) ingredients(spec cache.Value, r pipeline.Recipe, class string, absent int) cache.Value {
	fields := []cache.Field{
		{Name: "block", Value: k.block},
		{Name: "code", Value: OrEmpty(r.Code)},
		{Name: "inputs", Value: OrEmpty(r.Inputs)},
		{Name: "spec", Value: spec},
		{Name: "type", Value: k.typ},
		{Name: "version", Value: k.version},
	}
	if class != "" {
		fields = append(fields, cache.Field{Name: "class", Value: cache.String(class)})
	}
	if absent > 0 {
		fields = append(fields, cache.Field{Name: "absent", Value: cache.Int(int64(absent))})
	}
	return cache.Struct(fields...)
}

// document returns what is stored beside an entry: the ingredients, the notes, and
// the address and the name of the study, since explanations prefer an instance's own
// past.
func document(ingredients, notes cache.Value, address addr.Instance, study string) cache.Value {
	doc := map[string]cache.Value{"ingredients": ingredients, "notes": OrEmpty(notes), "address": cache.String(address.String())}
	if study != "" { // states belong to no study
		doc["study"] = cache.String(study)
	}
	return cache.Map(doc)
}

// OrEmpty returns an empty map for a zero value.
func OrEmpty(v cache.Value) cache.Value {
	if v.IsZero() {
		return cache.Map(nil)
	}
	return v
}

// JoinPath renders a path into ingredients for people: without "spec" and the like,
// which users never wrote.
func JoinPath(path []string) string {
	var keep []string
	for i, p := range path {
		if i == 0 && (p == "spec" || p == "inputs" || p == "code") {
			continue
		}
		if p == "spec" && i == 2 && path[0] == "inputs" {
			continue
		}
		keep = append(keep, p)
	}
	return strings.Join(keep, ".")
}
