package cache

import (
	"crypto/sha256"
	"hash"
)

// worthAside is the size from which a piece is hashed beside what its writer
// does, and mostAside the size that is handed over at a time.
const (
	worthAside = 64 << 10
	mostAside  = 1 << 20
)

// aside is a hash that keeps up with a writer from a goroutine of its own, once
// there is a piece that is worth it.
type aside struct {
	hash   hash.Hash
	pieces chan []byte // nil before
	free   chan []byte // what pieces are copied to
	ended  chan struct{}
}

func newAside() *aside { return &aside{hash: sha256.New()} }

// write takes a piece of at most mostAside bytes, which may change afterwards.
func (a *aside) write(p []byte) {
	if a.pieces == nil {
		if len(p) < worthAside {
			a.hash.Write(p)
			return
		}
		a.start()
	}
	a.pieces <- append((<-a.free)[:0], p...)
}

func (a *aside) start() {
	const under = 4 // way
	a.pieces, a.free, a.ended = make(chan []byte, under), make(chan []byte, under), make(chan struct{})
	for range under {
		a.free <- nil
	}
	go func() {
		defer close(a.ended)
		for p := range a.pieces {
			a.hash.Write(p)
			a.free <- p
		}
	}()
}

// end returns the digest of all that was written. Nothing can be written after
// it.
func (a *aside) end() Digest {
	if a.pieces != nil {
		close(a.pieces)
		<-a.ended
	}
	return Digest(a.hash.Sum(nil))
}
