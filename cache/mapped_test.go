package cache_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"ablate/cache"
	"ablate/cache/fsys"
)

func put(t *testing.T, s *cache.Local, mediaType, text string) cache.Digest {
	t.Helper()
	w, err := s.Create(context.Background(), mediaType)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	d, _, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const rawType, packedType = "application/x-ablate-tokens", "text/plain"

func TestMap(t *testing.T) {
	ctx := context.Background()
	for name, s := range map[string]*cache.Local{
		"disk":   open(t, fsys.NewOS(), t.TempDir()),
		"memory": open(t, fsys.NewMemory(), "/store"),
	} {
		t.Run(name, func(t *testing.T) {
			for _, mediaType := range []string{rawType, packedType} {
				for _, text := range []string{"", "tokens of " + mediaType} {
					d := put(t, s, mediaType, text)
					m, err := s.Map(ctx, d)
					if err != nil {
						t.Fatal(err)
					}
					if err := s.Evict(ctx, d); err != nil {
						t.Fatal(err)
					}
					if string(m.Bytes) != text {
						t.Errorf("%s: %q, want %q, evicted or not", mediaType, m.Bytes, text)
					}
					if err := m.Close(); err != nil {
						t.Error(err)
					}
					if _, err := s.Map(ctx, d); !errors.Is(err, fs.ErrNotExist) {
						t.Errorf("%s: mapping what was evicted = %v, want fs.ErrNotExist", mediaType, err)
					}
				}
			}
		})
	}
}

func TestMapOfDamage(t *testing.T) {
	for _, mediaType := range []string{rawType, packedType} {
		for name, harm := range map[string]func(*testing.T) func(string, []byte){"flip": flip, "cut": cut} {
			t.Run(mediaType+" "+name, func(t *testing.T) {
				dir := t.TempDir()
				s := open(t, fsys.NewOS(), dir)
				d := put(t, s, mediaType, "tokens")
				damage(t, dir, "blobs/sha256/*/*", harm(t))
				var damaged *cache.DamagedError
				if m, err := s.Map(context.Background(), d); !errors.As(err, &damaged) {
					t.Fatalf("Map = %v, %v, want damage", m, err)
				}
				if _, err := s.Map(context.Background(), d); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("Map again = %v, want that it was moved aside", err)
				}
			})
		}
	}
}

// Panics of the reader that are no faults of the mapping stay panics.
func TestUseKeepsOtherPanics(t *testing.T) {
	s := open(t, fsys.NewOS(), t.TempDir())
	m, err := s.Map(context.Background(), put(t, s, rawType, "tokens"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	defer func() {
		if r := recover(); r != "a bug" {
			t.Errorf("recovered %v, want the reader's panic", r)
		}
	}()
	m.Use(func([]byte) { panic("a bug") })
}
