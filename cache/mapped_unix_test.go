//go:build unix

package cache_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/cache/fsys"
)

// A file that another program cuts while it is mapped gives an error, whether its
// pages are gone or its last page ends in zeros, and no crash. Windows refuses to cut
// such a file.
func TestMapOfAFileThatIsCut(t *testing.T) {
	text := strings.Repeat("tokens", 1<<12)
	for name, keep := range map[string]int{"in its last page": len(text) - 1, "at a page": 4096, "to nothing": 0} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, fsys.NewOS(), dir)
			d := put(t, s, rawType, text)
			m, err := s.Map(context.Background(), d)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			shared, err := s.Map(context.Background(), d)
			if err != nil {
				t.Fatal(err)
			}
			defer shared.Close()
			sum := func(m *cache.Mapped) (n int, err error) {
				return n, m.Use(func(b []byte) {
					for _, c := range b {
						n += int(c)
					}
				})
			}
			if _, err := sum(m); err != nil {
				t.Fatal(err)
			}
			damage(t, dir, "blobs/sha256/*/*", func(path string, _ []byte) {
				if err := os.Truncate(path, int64(keep)); err != nil {
					t.Fatal(err)
				}
			})
			var damaged *cache.DamagedError
			if _, err := sum(m); !errors.As(err, &damaged) {
				t.Fatalf("reading a file that was cut = %v, want damage", err)
			}
			if _, err := s.Map(context.Background(), d); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Map again = %v, want that it was moved aside", err)
			}
			// Another reader notices, too, and leaves alone what replaced the file.
			put(t, s, rawType, text)
			if _, err := sum(shared); !errors.As(err, &damaged) {
				t.Fatalf("reading a file that was cut and moved aside = %v, want damage", err)
			}
			again, err := s.Map(context.Background(), d)
			if err != nil {
				t.Fatalf("mapping the blob that replaced it: %v", err)
			}
			if _, err := sum(again); err != nil || again.Close() != nil {
				t.Errorf("reading the blob that replaced it = %v", err)
			}
		})
	}
}
