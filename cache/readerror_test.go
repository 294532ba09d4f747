package cache_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
)

// A file that cannot be read for a moment is not damaged: it stays where it is.
func TestReadErrorIsNoDamage(t *testing.T) {
	ctx := context.Background()
	f := &cachetest.Unreadable{FS: fsys.NewMemory()}
	s := open(t, f, "/store")
	e := kept(t, s, "k")
	small, large := "a line\n", strings.Repeat("a line\n", 3<<20)
	readers := map[string]func() error{
		"sealed": func() error { _, _, err := s.Sealed(e.Key); return err },
		"disown": func() error { return s.Disown(e, "again", time.Now()) },
	}
	for name, d := range map[string]cache.Digest{
		"small": put(t, s, rawType, small), "small, packed": put(t, s, packedType, small),
		"large": put(t, s, rawType, large), "large, packed": put(t, s, packedType, large),
	} {
		readers[name] = func() error { _, err := cache.ReadAll(ctx, s, d); return err }
		readers[name+", mapped"] = func() error { _, err := s.Map(ctx, d); return err }
		readers[name+", streamed"] = func() error {
			r, _, err := s.Stream(ctx, d)
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = io.Copy(io.Discard, r)
			return err
		}
	}
	if err := errors.Join(s.Disown(e, "wrong", time.Now()), s.PutSealed(e.Key, []byte("sealed"))); err != nil {
		t.Fatal(err)
	}
	for _, cause := range []error{syscall.EIO, syscall.ESTALE} {
		for name, read := range readers {
			f.Err = cause
			err := read()
			f.Err = nil
			var damaged *cache.DamagedError
			if !errors.Is(err, cause) || errors.As(err, &damaged) {
				t.Errorf("%s with %v: %v", name, cause, err)
			}
			if want := "remove the file"; cause == syscall.EIO && name != "disown" && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say what to do", name, err)
			}
		}
	}
	if n := s.DamageCount(); n > 0 {
		t.Errorf("%d files were moved aside", n)
	}
	for name, read := range readers {
		if err := read(); err != nil {
			t.Errorf("%s, once it can be read: %v", name, err)
		}
	}
}
