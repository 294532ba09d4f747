package cache

import (
	"testing"
	"time"
)

func sample() Entry {
	d := DigestOf([]byte("x"))
	return Entry{
		Key: Key(d), Block: "train", Type: "lm", Class: "go amd64", Ingredients: d, Provenance: d, Created: time.Unix(1, 2).UTC(),
		Artifacts: []Artifact{{"metrics", "application/jsonl", d, 5, Keep}, {"checkpoint", "application/x-safetensors", d, 1 << 40, Evict}},
	}
}

func TestIndexRecordRoundTrip(t *testing.T) {
	ix := newIndex(0)
	want := sample()
	if err := ix.take(appendRecord(nil, want)); err != nil {
		t.Fatal(err)
	}
	got := ix.entries[want.Key]
	if string(EncodeEntry(*got)) != string(EncodeEntry(want)) {
		t.Errorf("record comes back as %+v, want %+v", got, want)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add(appendRecord(nil, sample()))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		ix := newIndex(0)
		if ix.take(raw) != nil {
			return
		}
		if ix.offset != int64(len(raw)) {
			t.Errorf("%d of %d bytes were read without complaint", ix.offset, len(raw))
		}
	})
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add(EncodeEntry(sample()))
	f.Add([]byte("ablate entry 1 sha256:00\n{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := DecodeEntry(raw)
		if err != nil {
			return
		}
		if back, err := DecodeEntry(EncodeEntry(e)); err != nil || back.Key != e.Key {
			t.Errorf("an entry that decodes does not survive: %v", err)
		}
	})
}
