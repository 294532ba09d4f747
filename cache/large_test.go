package cache_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"syscall"
	"testing"

	"ablate/cache"
	"ablate/cache/cachetest"
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
			if got, err := cache.ReadAll(ctx, s, d); err != nil || !bytes.Equal(got, text) {
				t.Errorf("ReadAll = %d bytes, %v, want the blob", len(got), err)
			}
			damage(t, dir, "blobs/sha256/*/*", flip(t))
			var damaged *cache.DamagedError
			if _, err := cache.ReadAll(ctx, s, d); !errors.As(err, &damaged) {
				t.Errorf("ReadAll of a damaged blob = %v, want damage", err)
			}
			d = put(t, s, mediaType, string(text))
			damage(t, dir, "blobs/sha256/*/*", flip(t))
			if _, err := read(1 << 30); !errors.As(err, &damaged) {
				t.Errorf("reading a damaged blob = %v, want damage", err)
			}
		})
	}
}

// Bytes that are hashed while they are written are no blob if writing them fails.
func TestLargeWritesThatFail(t *testing.T) {
	ctx, text := context.Background(), make([]byte, 3<<20)
	rand.Read(text)
	failed := 0
	for at := 1; ; at++ {
		memory := fsys.NewMemory()
		open(t, memory, "/store")
		f := &cachetest.Faulty{FS: memory, At: at, Err: syscall.ENOSPC}
		s := open(t, f, "/store")
		w, err := s.Create(ctx, rawType)
		if err == nil {
			n, writeErr := w.Write(text)
			_, _, err = w.Commit()
			if writeErr != nil {
				failed++
				if n == len(text) || err == nil {
					t.Errorf("operation %d: a failed write of %d bytes, and Commit = %v", at, n, err)
				}
			}
		}
		if f.Count() < at {
			break
		}
		_, readErr := cache.ReadAll(ctx, open(t, memory, "/store"), cache.DigestOf(text))
		var damaged *cache.DamagedError
		if errors.As(readErr, &damaged) || err == nil && readErr != nil {
			t.Errorf("operation %d: Commit = %v, and reading gives %v", at, err, readErr)
		}
	}
	if failed < 3 {
		t.Errorf("%d writes failed, want one for each piece", failed)
	}
}
