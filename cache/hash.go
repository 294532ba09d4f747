package cache

import (
	"crypto/sha256"
	"hash"
)

// concurrentHashSize is the size from which a piece is hashed on a goroutine of
// its own, and maxHashPiece the size that is handed over at a time.
const (
	concurrentHashSize = 64 << 10
	maxHashPiece       = 1 << 20
)

// concurrentHash is a hash that runs beside its writer once pieces are large
// enough to be worth it.
type concurrentHash struct {
	hash   hash.Hash
	pieces chan []byte // nil until then
	free   chan []byte // buffers that pieces are copied to
	ended  chan struct{}
}

func newConcurrentHash() *concurrentHash { return &concurrentHash{hash: sha256.New()} }

// write takes a piece of at most maxHashPiece bytes, which may change
// afterwards.
func (c *concurrentHash) write(p []byte) {
	if c.pieces == nil {
		if len(p) < concurrentHashSize {
			c.hash.Write(p)
			return
		}
		c.start()
	}
	c.pieces <- append((<-c.free)[:0], p...)
}

func (c *concurrentHash) start() {
	const queued = 4
	c.pieces, c.free, c.ended = make(chan []byte, queued), make(chan []byte, queued), make(chan struct{})
	for range queued {
		c.free <- nil
	}
	go func() {
		defer close(c.ended)
		for p := range c.pieces {
			c.hash.Write(p)
			c.free <- p
		}
	}()
}

// end returns the digest of everything written. Nothing can be written after
// it.
func (c *concurrentHash) end() Digest {
	if c.pieces != nil {
		close(c.pieces)
		<-c.ended
	}
	return Digest(c.hash.Sum(nil))
}
