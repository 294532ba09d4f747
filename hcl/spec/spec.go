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
//	union     an optional nested block with one label that picks an arm: the
//	          field is a pointer to a struct whose own fields are pointers
//	          tagged with the arm's name, exactly one set: schedule "cosine" {}
//
// Attributes have the types bool, int, int64, float64 and string; slices of them
// and maps from strings to them; structs (objects, tagged like blocks); pointers to
// any of these, which are nil if the attribute is absent; addr.Instance (one
// reference), []addr.Instance (a list of references, in which the name of a stage
// means all its instances), addr.Parts (one reference, or an object with a reference
// for each part), addr.Level (a reference or a scalar) and
// map[string]addr.Level. A formula.Formula is an expression that is kept as
// mathematics, and a *formula.Let a block of its intermediates, which stays nil.
//
// An attribute whose pointer type has a method SetNumber(float64) also accepts a
// number. Resolve() of a spec is called after decoding and fills in defaults that
// depend on other attributes (kv_heads = heads). SetDefaults() of a nested block
// sets its defaults when the block is present.
//
// The tag `ref:"norm"` lists the blocks that a reference may refer to, with commas
// between; `parts:"attention,ffn"` lists the parts of an addr.Parts. `key:"-"` keeps a field out of keys. `key:"code"` marks a field whose
// effect is part of a fingerprint: the fingerprint enters the key, and the field
// itself is kept only for explanations. `doc:"…"` is its description in the
// reference.
//
// The package imports the standard library, hcl/addr and hcl/formula only.
package spec
