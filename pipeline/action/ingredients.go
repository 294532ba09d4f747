package action

import (
	"strings"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/pipeline"
)

// keyDomain separates keys of actions from every other hash, and carries the
// version of the layout below.
const keyDomain = "ablate action v1"

// ingredients is the full description of an action: what its key hashes and
// what explain compares.
func ingredients(ref pipeline.Ref, r pipeline.Recipe, class string, absent int) cache.Value {
	fields := []cache.Field{
		{Name: "block", Value: cache.String(ref.Block)},
		{Name: "code", Value: OrEmpty(r.Code)},
		{Name: "inputs", Value: OrEmpty(r.Inputs)},
		{Name: "spec", Value: ref.Spec},
		{Name: "type", Value: cache.String(ref.Type)},
		{Name: "version", Value: cache.Int(int64(ref.Version))},
	}
	if class != "" {
		fields = append(fields, cache.Field{Name: "class", Value: cache.String(class)})
	}
	if absent > 0 {
		fields = append(fields, cache.Field{Name: "absent", Value: cache.Int(int64(absent))})
	}
	return cache.Struct(fields...)
}

// document is what is stored beside an entry: the ingredients, the notes, and
// the address, by which an explanation prefers an instance's own past.
func document(ingredients, notes cache.Value, address addr.Instance) cache.Value {
	return cache.Map(map[string]cache.Value{
		"ingredients": ingredients, "notes": OrEmpty(notes), "address": cache.String(address.String()),
	})
}

// OrEmpty is a map where there is nothing.
func OrEmpty(v cache.Value) cache.Value {
	if v.IsZero() {
		return cache.Map(nil)
	}
	return v
}

// JoinPath renders a path into ingredients for people: "spec" and the like are
// the machine's words and are left out.
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
