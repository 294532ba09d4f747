package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"slices"
	"strings"
	"sync"
)

// Value is an immutable document. Keys are hashes of documents, and explanations
// compare them. A document that several others contain is stored once.
// Different values have different encodings: every field is typed and
// length-prefixed, maps are sorted, floats are encoded by their bits.
//
// The zero Value is empty and cannot be part of another.
type Value struct {
	enc  string  // a type byte; of a scalar, then its content
	subs []Field // of a map, sorted by name; of a list, without names
}

// Field is one field of a map.
type Field struct {
	Name  string
	Value Value
}

// The type bytes of the encoding. They are part of every key: never reuse one.
const (
	typeBool   = 'b'
	typeInt    = 'i'
	typeFloat  = 'f'
	typeString = 's'
	typeList   = 'l'
	typeMap    = 'm'
)

// Bool returns a boolean.
func Bool(b bool) Value {
	if b {
		return Value{enc: string(typeBool) + "\x01"}
	}
	return Value{enc: string(typeBool) + "\x00"}
}

// Int returns a whole number.
func Int(i int64) Value { return fixed(typeInt, uint64(i)) }

// fixed is an eight-byte scalar.
func fixed(kind byte, bits uint64) Value {
	var b [9]byte
	b[0] = kind
	binary.BigEndian.PutUint64(b[1:], bits)
	return Value{enc: string(b[:])}
}

// Float returns a number. It panics on NaN and infinities, on which no key may
// depend. Negative zero is zero.
func Float(f float64) Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		panic(fmt.Sprintf("cache: a key cannot hold the number %v", f))
	}
	if f == 0 {
		f = 0
	}
	return fixed(typeFloat, math.Float64bits(f))
}

// String returns a string.
func String(s string) Value { return Value{enc: string(typeString) + s} }

// DigestValue returns a digest as the string that it is printed as.
func DigestValue(d Digest) Value {
	const text = 1 + len(digestPrefix)
	var b [text + 2*len(d)]byte // one allocation: an analysis has a digest of each of its trials
	b[0] = typeString
	copy(b[1:], digestPrefix)
	hex.Encode(b[text:], d[:])
	return Value{enc: string(b[:])}
}

// List returns an ordered list.
func List(vs ...Value) Value {
	subs := make([]Field, len(vs))
	for i, v := range vs {
		subs[i].Value = v.must()
	}
	return Value{enc: string(typeList), subs: subs}
}

// Map returns a map.
func Map(m map[string]Value) Value {
	fields := make([]Field, 0, len(m))
	for name, v := range m {
		fields = append(fields, Field{name, v})
	}
	return Struct(fields...)
}

// Struct returns a map of the given fields. It sorts the slice in place and
// keeps it, which is cheaper than Map where many maps are made.
func Struct(fields ...Field) Value {
	slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	for i, f := range fields {
		f.Value.must()
		if i > 0 && fields[i-1].Name == f.Name {
			panic("cache: duplicate field " + f.Name + " in a document")
		}
	}
	return Value{enc: string(typeMap), subs: fields}
}

func (v Value) must() Value {
	if v.IsZero() {
		panic("cache: empty value in a document")
	}
	return v
}

// IsZero reports whether the value is empty.
func (v Value) IsZero() bool { return v.enc == "" }

// Equal reports whether two values are the same document.
func (v Value) Equal(w Value) bool {
	return v.enc == w.enc && slices.EqualFunc(v.subs, w.subs, func(a, b Field) bool {
		return a.Name == b.Name && a.Value.Equal(b.Value)
	})
}

// encoding writes the canonical encoding of a value to a hash.
type encoding struct {
	hash hash.Hash
	buf  []byte
}

// flushSize is how much is buffered before it is hashed.
const flushSize = 4 << 10

func (e *encoding) text(s string) {
	e.buf = append(binary.AppendUvarint(e.buf, uint64(len(s))), s...)
}

func (e *encoding) add(v Value) {
	if len(e.buf) > flushSize {
		e.hash.Write(e.buf)
		e.buf = e.buf[:0]
	}
	e.buf = append(e.buf, v.enc[0])
	switch v.enc[0] {
	case typeString:
		e.text(v.enc[1:])
	case typeList, typeMap:
		e.buf = binary.AppendUvarint(e.buf, uint64(len(v.subs)))
		for _, f := range v.subs {
			if v.enc[0] == typeMap {
				e.text(f.Name)
			}
			e.add(f.Value)
		}
	default:
		e.buf = append(e.buf, v.enc[1:]...)
	}
}

// encodings are reused for the next key.
var encodings = sync.Pool{New: func() any { return &encoding{hash: sha256.New()} }}

// Key hashes the value. The domain separates hashes made for different
// purposes.
func (v Value) Key(domain string) Key {
	e := encodings.Get().(*encoding)
	defer encodings.Put(e)
	e.hash.Reset()
	e.buf = e.buf[:0]
	e.text(domain)
	e.add(v.must())
	e.hash.Write(e.buf)
	var k Key
	e.hash.Sum(k[:0])
	return k
}

// At returns the value at a path of map keys, or the empty one.
func (v Value) At(path ...string) Value {
	for _, name := range path {
		if v.kind() != typeMap {
			return Value{}
		}
		i, ok := slices.BinarySearchFunc(v.subs, name, func(f Field, name string) int { return strings.Compare(f.Name, name) })
		if !ok {
			return Value{}
		}
		v = v.subs[i].Value
	}
	return v
}

// With returns a map with a field added or replaced.
func (v Value) With(name string, value Value) Value {
	subs := slices.DeleteFunc(slices.Clone(v.subs), func(f Field) bool { return f.Name == name })
	return Struct(append(subs, Field{name, value})...)
}

// Keys lists the keys of a map, sorted. Other values have none.
func (v Value) Keys() []string {
	if v.kind() != typeMap {
		return nil
	}
	names := make([]string, len(v.subs))
	for i, f := range v.subs {
		names[i] = f.Name
	}
	return names
}

// Text returns the string if the value is one.
func (v Value) Text() (string, bool) {
	if v.kind() != typeString {
		return "", false
	}
	return v.enc[1:], true
}

// IsList reports whether the value is a list.
func (v Value) IsList() bool { return v.kind() == typeList }

// Elements returns the elements of a list. Other values have none.
func (v Value) Elements() []Value {
	if !v.IsList() {
		return nil
	}
	out := make([]Value, len(v.subs))
	for i, f := range v.subs {
		out[i] = f.Value
	}
	return out
}

func (v Value) kind() byte {
	if v.IsZero() {
		return 0
	}
	return v.enc[0]
}

// Difference is one place where two documents differ. A or B is empty if one of
// them has no such field.
type Difference struct {
	Path []string
	A, B Value
}

// Diff lists the places where two documents differ, in the order of their
// paths. Maps are compared field by field, lists of equal length element by
// element, everything else as a whole.
func Diff(a, b Value) []Difference {
	var out []Difference
	diff(nil, a, b, &out)
	return out
}

func diff(path []string, a, b Value, out *[]Difference) {
	if a.Equal(b) {
		return
	}
	switch {
	case a.kind() == typeMap && b.kind() == typeMap:
		both := slices.Concat(a.Keys(), b.Keys())
		slices.Sort(both)
		for _, k := range slices.Compact(both) {
			diff(append(path[:len(path):len(path)], k), a.At(k), b.At(k), out)
		}
	case a.kind() == typeList && b.kind() == typeList && len(a.subs) == len(b.subs):
		for i := range a.subs {
			diff(append(path[:len(path):len(path)], fmt.Sprint(i)), a.subs[i].Value, b.subs[i].Value, out)
		}
	default:
		*out = append(*out, Difference{Path: path, A: a, B: b})
	}
}
