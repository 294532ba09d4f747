package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Value is an immutable document: what keys hash and explanations compare. It
// carries its canonical encoding, so that a document shared by many others is
// encoded once. Different values have different encodings: every field is
// typed and length-prefixed, maps are sorted, floats are their exact bits.
//
// The zero Value means "nothing"; it cannot be put inside another.
type Value struct {
	enc  []byte // canonical: a type byte, then the content
	keys []string
	subs []Value // of a map, parallel to keys; of a list
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
		return Value{enc: []byte{typeBool, 1}}
	}
	return Value{enc: []byte{typeBool, 0}}
}

// Int returns a whole number.
func Int(i int64) Value {
	return Value{enc: binary.BigEndian.AppendUint64([]byte{typeInt}, uint64(i))}
}

// Float returns a number. NaN and infinities are refused: a key must not hang
// on them. Negative zero is zero.
func Float(f float64) Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		panic(fmt.Sprintf("cache: a key cannot hold the number %v", f))
	}
	if f == 0 {
		f = 0
	}
	return Value{enc: binary.BigEndian.AppendUint64([]byte{typeFloat}, math.Float64bits(f))}
}

// String returns a text.
func String(s string) Value {
	enc := make([]byte, 0, 1+binary.MaxVarintLen64+len(s))
	enc = binary.AppendUvarint(append(enc, typeString), uint64(len(s)))
	return Value{enc: append(enc, s...)}
}

// DigestValue returns a digest as the text that people see of it.
func DigestValue(d Digest) Value { return String(d.String()) }

// List returns an ordered list.
func List(vs ...Value) Value {
	size := 1 + binary.MaxVarintLen64
	for _, v := range vs {
		size += len(v.enc)
	}
	enc := binary.AppendUvarint(append(make([]byte, 0, size), typeList), uint64(len(vs)))
	for _, v := range vs {
		enc = append(enc, v.must()...)
	}
	return Value{enc: enc, subs: vs}
}

// Map returns a map. The argument must not be changed afterwards.
func Map(m map[string]Value) Value {
	keys := make([]string, 0, len(m)) // by hand: this is the hot path of a plan
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	subs := make([]Value, len(keys))
	size := 1 + binary.MaxVarintLen64
	for i, k := range keys {
		subs[i] = m[k]
		size += binary.MaxVarintLen64 + len(k) + len(subs[i].enc)
	}
	enc := binary.AppendUvarint(append(make([]byte, 0, size), typeMap), uint64(len(keys)))
	for i, k := range keys {
		enc = binary.AppendUvarint(enc, uint64(len(k)))
		enc = append(enc, k...)
		enc = append(enc, subs[i].must()...)
	}
	return Value{enc: enc, keys: keys, subs: subs}
}

func (v Value) must() []byte {
	if v.IsZero() {
		panic("cache: nothing inside a document")
	}
	return v.enc
}

// IsZero reports whether the value is nothing.
func (v Value) IsZero() bool { return len(v.enc) == 0 }

// Equal reports whether two values are the same document.
func (v Value) Equal(w Value) bool { return bytes.Equal(v.enc, w.enc) }

// Key hashes the value within a domain, which keeps hashes made for different
// purposes apart.
func (v Value) Key(domain string) Key {
	h := sha256.New()
	h.Write(binary.AppendUvarint(nil, uint64(len(domain))))
	h.Write([]byte(domain))
	h.Write(v.must())
	return Key(h.Sum(nil))
}

// At returns the value at a path of map keys, or nothing.
func (v Value) At(path ...string) Value {
	for _, name := range path {
		i, ok := slices.BinarySearch(v.keys, name)
		if !ok {
			return Value{}
		}
		v = v.subs[i]
	}
	return v
}

// Keys lists the keys of a map, sorted; of anything else, none.
func (v Value) Keys() []string { return v.keys }

// Text returns the string that the value holds, if it is one.
func (v Value) Text() (string, bool) {
	if v.kind() != typeString {
		return "", false
	}
	n, width := binary.Uvarint(v.enc[1:])
	return string(v.enc[1+width:][:n]), true
}

func (v Value) kind() byte {
	if v.IsZero() {
		return 0
	}
	return v.enc[0]
}

// Difference is one place where two documents differ. A or B is nothing where
// one has no such field.
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
		both := slices.Concat(a.keys, b.keys)
		slices.Sort(both)
		for _, k := range slices.Compact(both) {
			diff(append(path[:len(path):len(path)], k), a.At(k), b.At(k), out)
		}
	case a.kind() == typeList && b.kind() == typeList && len(a.subs) == len(b.subs):
		for i := range a.subs {
			diff(append(path[:len(path):len(path)], fmt.Sprint(i)), a.subs[i], b.subs[i], out)
		}
	default:
		*out = append(*out, Difference{Path: path, A: a, B: b})
	}
}
