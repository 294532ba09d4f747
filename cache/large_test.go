package cache_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"testing"

	"ablate/cache"
	"ablate/cache/fsys"
)

// Large blobs are read, decompressed and hashed by goroutines of their own. A reader
// may stop early, and no reader gets to the end of a damaged blob.
func TestOpenOfLargeBlobs(t *testing.T) {
	text := make([]byte, 20<<20)
	rand.Read(text)
	for _, mediaType := range []string{rawType, packedType} {
		t.Run(mediaType, func(t *testing.T) {
			ctx, dir := context.Background(), t.TempDir()
			s := open(t, fsys.NewOS(), dir)
			d := put(t, s, mediaType, string(text))
			read := func(n int64) (cache.Digest, error) {
				r, err := s.Open(ctx, d)
				if err != nil {
					return cache.Digest{}, err
				}
				h := cache.NewDigester()
				_, err = io.CopyN(h, r, n)
				if errors.Is(err, io.EOF) {
					err = nil
				}
				return h.Digest(), errors.Join(err, r.Close())
			}
			if _, err := read(17 << 20); err != nil {
				t.Errorf("reading a part: %v", err)
			}
			if got, err := read(1 << 30); err != nil || got != d {
				t.Errorf("reading it all = %v, %v, want %v", got, err, d)
			}
			damage(t, dir, "blobs/sha256/*/*", flip(t))
			var damaged *cache.DamagedError
			if _, err := read(1 << 30); !errors.As(err, &damaged) {
				t.Errorf("reading a damaged blob = %v, want damage", err)
			}
		})
	}
}
