package cache

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

// appendRecord encodes one entry for the index.
func appendRecord(b []byte, e Entry) []byte {
	var body []byte
	body = append(body, e.Key[:]...)
	body = append(body, e.Ingredients[:]...)
	body = append(body, e.Provenance[:]...)
	body = binary.AppendVarint(body, e.Created.UnixNano())
	for _, s := range []string{e.Block, e.Type, e.Class} {
		body = appendWord(body, s)
	}
	body = binary.AppendUvarint(body, uint64(len(e.Artifacts)))
	for _, a := range e.Artifacts {
		body = appendWord(appendWord(body, a.Name), a.MediaType)
		body = append(body, a.Digest[:]...)
		body = binary.AppendVarint(body, a.Size)
		body = appendWord(body, string(a.Retention))
	}
	b = binary.AppendUvarint(b, uint64(len(body)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(body))
	return append(b, body...)
}

func appendWord(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decode reads one record's body. Words that recur are shared.
func (ix *index) decode(body []byte) (Entry, error) {
	r := recordReader{rest: body, words: ix.words}
	var e Entry
	r.hash((*[32]byte)(&e.Key))
	r.hash((*[32]byte)(&e.Ingredients))
	r.hash((*[32]byte)(&e.Provenance))
	e.Created = time.Unix(0, r.varint()).UTC()
	e.Block, e.Type, e.Class = r.word(), r.word(), r.word()
	n := r.uvarint()
	if n > uint64(len(r.rest)) { // each artifact takes more than a byte
		return Entry{}, errIndexDamaged
	}
	if uint64(len(ix.rooms)) < n {
		const block = 256 // one allocation for many entries
		ix.rooms = make([]Artifact, max(n, block))
	}
	e.Artifacts, ix.rooms = ix.rooms[:n:n], ix.rooms[n:]
	for i := range e.Artifacts {
		a := &e.Artifacts[i]
		a.Name, a.MediaType = r.word(), r.word()
		r.hash((*[32]byte)(&a.Digest))
		a.Size = r.varint()
		a.Retention = Retention(r.word())
	}
	if r.bad || len(r.rest) > 0 {
		return Entry{}, errIndexDamaged
	}
	return e, nil
}

// recordReader reads fields off a record; bad says that it ended too early.
type recordReader struct {
	rest  []byte
	words map[string]string
	bad   bool
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

func (r *recordReader) word() string {
	b := r.next(r.uvarint())
	if w, ok := r.words[string(b)]; ok {
		return w
	}
	w := string(b)
	r.words[w] = w
	return w
}
