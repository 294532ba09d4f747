package cache

import (
	"context"
	"slices"
	"strings"
)

// Usage is the space that entries of one kind take.
type Usage struct {
	Block, Type string
	Entries     int
	Artifacts   int
	Bytes       int64 // plain, each blob counted once
	Stored      int64 // at rest
}

// Usage sums up the store by kind, sorted. A blob counts for the first kind that
// names it.
func (s *Local) Usage(ctx context.Context) ([]Usage, error) {
	byKind := make(map[string]*Usage)
	seen := make(map[Digest]bool)
	for e, err := range s.Entries(ctx, "", "") {
		if err != nil {
			return nil, err
		}
		id := e.Block + "\x00" + e.Type
		u := byKind[id]
		if u == nil {
			u = &Usage{Block: e.Block, Type: e.Type}
			byKind[id] = u
		}
		u.Entries++
		for _, a := range e.Artifacts {
			if seen[a.Digest] {
				continue
			}
			seen[a.Digest] = true
			u.Artifacts++
			u.Bytes += a.Size
			u.Stored += s.storedSize(a.Digest)
		}
	}
	var out []Usage
	for _, u := range byKind {
		out = append(out, *u)
	}
	slices.SortFunc(out, func(a, b Usage) int { return strings.Compare(a.Block+"\x00"+a.Type, b.Block+"\x00"+b.Type) })
	return out, nil
}

func (s *Local) storedSize(d Digest) int64 {
	for _, suffix := range []string{zstdSuffix, ""} {
		if info, err := s.fs.Stat(s.blobPath(d, suffix)); err == nil {
			return info.Size()
		}
	}
	return 0
}
