package data

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// atOnce encodes each document as a whole.
func atOnce(t *testing.T, e encoder, files []string, separator string) []byte {
	t.Helper()
	s, err := newSpool(4)
	if err != nil {
		t.Fatal(err)
	}
	defer s.remove()
	for i, text := range files {
		docs := []string{text}
		if separator != "" {
			docs = splitAny(text, separator, norm.NFC.String(separator), norm.NFD.String(separator))
		}
		if last := len(docs) - 1; last > 0 && docs[last] == "" {
			docs = docs[:last]
		}
		for j, doc := range docs {
			var ids []uint32
			if end, ok := e.between(); ok && i+j > 0 {
				ids = append(ids, end)
			}
			if _, asIs := e.(byteEncoder); !asIs {
				doc = strings.ToValidUTF8(doc, "\uFFFD")
			}
			if ids, err = e.encode(ids, []byte(doc), true); err != nil {
				t.Fatal(err)
			}
			if err := s.write(ids); err != nil {
				t.Fatal(err)
			}
		}
	}
	return spooled(t, s)
}

// splitAny splits a text at the leftmost of several separators, the longest first.
func splitAny(text string, separators ...string) (docs []string) {
	slices.SortFunc(separators, func(a, b string) int { return len(b) - len(a) })
	begin := 0
	for i := 0; i < len(text); {
		j := slices.IndexFunc(separators, func(s string) bool { return strings.HasPrefix(text[i:], s) })
		if j < 0 {
			i++
			continue
		}
		docs = append(docs, text[begin:i])
		i += len(separators[j])
		begin = i
	}
	return append(docs, text[begin:])
}

func spooled(t *testing.T, s *spool) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := s.copyTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// inPieces writes files in pieces of random sizes.
func inPieces(t *testing.T, e encoder, files []string, separator string, r *rand.Rand) []byte {
	t.Helper()
	s, err := newSpool(4)
	if err != nil {
		t.Fatal(err)
	}
	defer s.remove()
	d := newDocuments(e, s, separator, nil, false)
	for _, text := range files {
		for text != "" {
			n := 1 + r.IntN(min(len(text), 7))
			if _, err := d.Write([]byte(text[:n])); err != nil {
				t.Fatal(err)
			}
			text = text[n:]
		}
		if err := d.endFile(); err != nil {
			t.Fatal(err)
		}
	}
	return spooled(t, s)
}

// Tokens do not depend on where the reads of a file end.
func FuzzPieces(f *testing.F) {
	for i, s := range samples {
		f.Add(s, samples[(i+1)%len(samples)], "", uint64(i))
		f.Add(s+"<|end|>"+s+"<|end|>", "", "<|end|>", uint64(i))
	}
	f.Add("aab aaab", "ab", "aab", uint64(1))
	f.Add("a\xffb\xe6\x9d\xe6\x9d\xb1\xf0\x9f\x99", "\xff\xfe\xfdx\x80", "", uint64(2))
	f.Add("\n  \n   \n\nx'r'rex 'l'll 1234567!\n\n\r\n 東\u2003\u2003京", "", "", uint64(3))
	encoders := map[string]encoder{"bytes": byteEncoder{}}
	for name := range published {
		e, err := publishedEncoder(name)
		if err != nil {
			f.Fatal(err)
		}
		encoders[name] = e
	}
	f.Fuzz(func(t *testing.T, a, b, separator string, seed uint64) {
		files := []string{a, b, a}
		for name, e := range encoders {
			want := atOnce(t, e, files, separator)
			for cut := range uint64(8) {
				got := inPieces(t, e, files, separator, rand.New(rand.NewPCG(seed, cut)))
				if !slices.Equal(got, want) {
					t.Fatalf("%s of %q by %q in pieces (%d, %d) = %v, at once %v", name, files, separator, seed, cut, got, want)
				}
			}
		}
	})
}

// A word of any length is split in linear time and comes out whole.
func TestLongWords(t *testing.T) {
	e := &wordEncoder{split: splitGPT2, memo: make(map[string][]uint32), slow: func(word string) ([]uint32, error) {
		return []uint32{uint32(len(word))}, nil
	}}
	var ids []uint32
	var err error
	for range 1000 {
		if ids, err = e.encode(ids, bytes.Repeat([]byte("a"), 1000), false); err != nil {
			t.Fatal(err)
		}
	}
	if ids, err = e.encode(ids, []byte(" b"), true); err != nil || !slices.Equal(ids, []uint32{1_000_000, 2}) {
		t.Errorf("tokens %v, %v", ids, err)
	}
	if len(e.memo) != 1 {
		t.Errorf("%d words are remembered, of which one is short", len(e.memo))
	}
}

// A separator is found in both normal forms of Unicode.
func TestSeparatorsInBothNormalForms(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	composed, decomposed := "\u00e9nd", "e\u0301nd"
	for _, separator := range []string{composed, decomposed} {
		got := inPieces(t, byteEncoder{}, []string{"a" + composed + "b" + decomposed + "c"}, separator, r)
		if want := []byte("a\x00\x00\x00\n\x00\x00\x00b\x00\x00\x00\n\x00\x00\x00c\x00\x00\x00"); !slices.Equal(got, want) {
			t.Errorf("separator %q gives %q", separator, got)
		}
	}
}

func TestMatcher(t *testing.T) {
	m := newMatcher([]pattern{{text: []byte("<a>")}, {text: []byte("<a>b")}, {text: []byte("x")}, {text: nil}})
	for _, c := range []struct {
		text  string
		last  bool
		at    int
		match string
	}{
		{"..<a>b", false, 2, "<a>b"}, {"..<a>c", false, 2, "<a>"}, {"..<a>", false, 2, ""}, {"..<a>", true, 2, "<a>"},
		{"..<", false, 2, ""}, {"..<", true, 3, ""}, {"..<<ax", false, 5, "x"}, {"", true, 0, ""},
	} {
		at, p := m.next([]byte(c.text), c.last)
		if got := p; at != c.at || (got == nil) != (c.match == "") || got != nil && string(got.text) != c.match {
			t.Errorf("next(%q, %v) = %d, %v, want %d, %q", c.text, c.last, at, p, c.at, c.match)
		}
	}
}
