package cache

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"time"
)

// appendRecord encodes one entry for the index.
func appendRecord(b []byte, e Entry) []byte {
	body := slices.Concat(e.Key[:], e.Ingredients[:], e.Provenance[:])
	body = binary.AppendVarint(body, e.Created.UnixNano())
	for _, s := range []string{e.Block, e.Type, e.Class} {
		body = appendString(body, s)
	}
	body = binary.AppendUvarint(body, uint64(len(e.Artifacts)))
	for _, a := range e.Artifacts {
		body = appendString(appendString(body, a.Name), a.MediaType)
		body = append(body, a.Digest[:]...)
		body = binary.AppendVarint(body, a.Size)
		body = appendString(body, string(a.Retention))
	}
	body = appendString(body, string(e.Origin))
	b = binary.AppendUvarint(b, uint64(len(body)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(body))
	return append(b, body...)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decode reads the body of a record. Strings that recur are shared.
func (ix *index) decode(body []byte) (*Entry, error) {
	r := recordReader{rest: body, strings: ix.strings}
	e := ix.spare.entry()
	r.hash((*[32]byte)(&e.Key))
	r.hash((*[32]byte)(&e.Ingredients))
	r.hash((*[32]byte)(&e.Provenance))
	e.Created = time.Unix(0, r.varint()).UTC()
	e.Block, e.Type, e.Class = r.string(), r.string(), r.string()
	n := r.uvarint()
	if n > uint64(len(r.rest)) { // each artifact takes more than a byte
		return nil, errIndexDamaged
	}
	e.Artifacts = ix.spare.list(n)
	for i := range e.Artifacts {
		a := &e.Artifacts[i]
		a.Name, a.MediaType = r.string(), r.string()
		r.hash((*[32]byte)(&a.Digest))
		a.Size = r.varint()
		a.Retention = Retention(r.string())
	}
	e.Origin = Origin(r.string())
	if r.bad || len(r.rest) > 0 {
		return nil, errIndexDamaged
	}
	return e, nil
}

// recordReader reads the fields of a record. bad is set when it ends too early.
type recordReader struct {
	rest    []byte
	strings map[string]string
	bad     bool
}

func (r *recordReader) next(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *recordReader) hash(to *[32]byte) { copy(to[:], r.next(32)) }

func (r *recordReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.next(uint64(max(n, 0)))
	r.bad = r.bad || n <= 0
	return v
}

func (r *recordReader) varint() int64 {
	v, n := binary.Varint(r.rest)
	r.next(uint64(max(n, 0)))
	r.bad = r.bad || n <= 0
	return v
}

func (r *recordReader) string() string {
	b := r.next(r.uvarint())
	if s, ok := r.strings[string(b)]; ok {
		return s
	}
	s := string(b)
	r.strings[s] = s
	return s
}
