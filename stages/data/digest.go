package data

import (
	"crypto/sha256"
	"hash"

	"ablate/cache"
)

// digester hashes what a file really held when it was read.
type digester struct{ hash.Hash }

func newDigester() digester { return digester{sha256.New()} }

func (d digester) digest() cache.Digest { return cache.Digest(d.Sum(nil)) }
