// Package spec describes the Go structs that stages are decoded into. It is the
// only package that reads their struct tags. Decoding, keys and the generated
// reference all use it, so that they cannot disagree about a field.
//
// A field's tag is `hcl:"name[,option]"`, with these options:
//
//	(none)    a required attribute
//	optional  an attribute; if it is absent, the default remains
//	preset    an optional string that names a set of values for the other
//	          attributes, which are not required then (see Presetter)
//	block     a nested block: a struct is required, a pointer optional,
//	          a slice repeatable
//	union     a nested block with one label that picks an arm: the field is a
//	          struct (required) or a pointer to one (optional) whose own
//	          fields are pointers tagged with the arm's name, exactly one set:
//	          schedule "cosine" {}
//
// Attribute types: bool, int, int64, float64, string; slices and string-keyed
// maps of them; structs (object values, tagged like blocks); pointers to any of
// these for "absent" as a value of its own; addr.Instance (one reference),
// []addr.Instance (a list of references, a stage's name standing for all its
// instances), addr.Level (a reference or a scalar) and map[string]addr.Level.
//
// An attribute whose type has a method SetNumber(float64) on its pointer also
// takes a bare number. A spec with a method Resolve() has it called after
// decoding, to fill derived defaults (kv_heads = heads).
//
// A nested block that is absent by default gets its own defaults, once written,
// from a method SetDefaults().
//
// `ref:"norm"` names the blocks that a reference may point into (comma between).
// `key:"-"` keeps a field out of keys. `key:"code"` says that a fingerprint
// witnesses the field: it enters keys through that alone, and stands in the notes
// for explanations. `doc:"…"` is a field's line in the reference.
//
// The package uses the standard library and hcl/addr only.
package spec
