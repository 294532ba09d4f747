package unpack_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

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
