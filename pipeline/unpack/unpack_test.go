package unpack_test

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"ablate/pipeline/unpack"
)

func packed(t *testing.T, format string, content io.Reader) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if format == "zstd" {
		var err error
		if w, err = zstd.NewWriter(&b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.Copy(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReader(t *testing.T) {
	for name, c := range map[string]struct {
		raw    []byte
		want   string
		packed bool
	}{
		"gzip": {packed(t, "gzip", strings.NewReader("text")), "text", true}, "zstd": {packed(t, "zstd", strings.NewReader("text")), "text", true},
		"plain": {[]byte("text"), "text", false}, "empty": {nil, "", false}, "short": {[]byte{0x1f, 0x8b}, "\x1f\x8b", false},
	} {
		r, was, err := unpack.Reader(bytes.NewReader(c.raw))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := io.ReadAll(r)
		if err != nil || string(got) != c.want || was != c.packed {
			t.Errorf("%s: %q, packed %v, %v, want %q, %v", name, got, was, err, c.want, c.packed)
		}
	}
	for name, raw := range map[string][]byte{
		"cut gzip": packed(t, "gzip", strings.NewReader("text"))[:12], "cut zstd": packed(t, "zstd", strings.NewReader("text"))[:8],
		"wide window": {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xb0, 0x01, 0x00, 0x00}, // 4 GiB
	} {
		r, _, err := unpack.Reader(bytes.NewReader(raw))
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if err == nil {
			t.Errorf("%s is read", name)
		} else if name == "wide window" && !strings.Contains(err.Error(), "smaller window") {
			t.Errorf("%s: %v, want what to do", name, err)
		}
	}
}

// A file whose name says that it is compressed may begin with what zstd skips.
func TestNamed(t *testing.T) {
	const size = "\x04\x00\x00\x00"
	first, last, text := "\x50\x2a\x4d\x18"+size+"size", "\x5f\x2a\x4d\x18"+size+"more", string(packed(t, "zstd", strings.NewReader("text")))
	for raw, want := range map[string]string{
		text: "text", first + text: "text", first + last + text + first + text: "texttext", string(packed(t, "gzip", strings.NewReader("text"))): "text",
		"": "neither gzip nor zstd", "text": "neither gzip nor zstd", first: "neither gzip nor zstd", first + "text": "neither gzip nor zstd",
		first[:10]: "is damaged", first[:5]: "neither gzip nor zstd",
	} {
		r, err := unpack.Named(strings.NewReader(raw))
		got := ""
		if err == nil {
			var b []byte
			b, err = io.ReadAll(r)
			got = string(b)
		}
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || err == nil && got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}

// Large streams are decompressed by goroutines of their own, which end with the
// stream, with Close, or with the first error.
func TestLargeStreams(t *testing.T) {
	want := make([]byte, 3<<20)
	rand.Read(want)
	for _, format := range []string{"gzip", "zstd"} {
		before := runtime.NumGoroutine()
		raw := packed(t, format, bytes.NewReader(want))
		if got, err := readPart(raw, len(want)+1); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v, want %d", format, len(got), err, len(want))
		}
		if got, err := readPart(raw, 100); err != nil || !bytes.Equal(got, want[:100]) {
			t.Errorf("%s: the first %d bytes, %v", format, len(got), err)
		}
		if got, err := readPart(raw[:len(raw)-7], len(want)+1); err == nil {
			t.Errorf("%s: a stream that was cut is read as %d bytes", format, len(got))
		}
		raw[len(raw)-6] ^= 1 // of the checksum
		raw[len(raw)-1] ^= 1
		if got, err := readPart(raw, len(want)+1); err == nil {
			t.Errorf("%s: a damaged stream is read as %d bytes", format, len(got))
		}
		for range 100 { // a second
			if runtime.NumGoroutine() <= before {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n := runtime.NumGoroutine(); n > before {
			t.Errorf("%s: %d goroutines are left, and there were %d", format, n, before)
		}
	}
}

// readPart reads at most so many bytes of a stream and closes it.
func readPart(raw []byte, most int) ([]byte, error) {
	r, _, err := unpack.Reader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(io.LimitReader(r, int64(most)))
	return got, errors.Join(err, r.Close())
}

type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestBombs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	bomb := packed(t, "zstd", io.LimitReader(zeros{}, (1<<30)+(64<<20)))
	r, _, err := unpack.Reader(bytes.NewReader(bomb))
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, r)
	if err == nil || !strings.Contains(err.Error(), "decompression bomb") || n > 1<<30+1<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
}
