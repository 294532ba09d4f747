// Package unpack reads files that may be compressed. It goes by their content:
// gzip and zstd begin with fixed bytes. Stages and sources share it, so that
// both refuse the same decompression bombs.
package unpack

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// The first bytes of compressed files. The third byte of gzip is its only
// compression method.
var (
	gzipMagic = []byte{0x1f, 0x8b, 0x08}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// maxWindow is the memory that a zstd file may ask for, in bytes. It is what the
// command zstd accepts without --memory.
const maxWindow = 128 << 20

// A stream that expands to more than maxRatio times its size is a decompression
// bomb. Short streams are not judged: a file of zeros is harmless.
const (
	maxRatio = 200
	judged   = 1 << 30 // bytes
)

// Reader returns the content of a stream, decompressed if it is compressed, and
// whether it was. Closing it does not close r.
func Reader(r io.Reader) (content io.ReadCloser, packed bool, err error) {
	b := bufio.NewReaderSize(r, 1<<16)
	head, err := b.Peek(len(zstdMagic))
	if err != nil && len(head) == 0 && err != io.EOF {
		return nil, false, err
	}
	in := &counter{Reader: b}
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, true, fmt.Errorf("it begins as a gzip file but is damaged: %w", err)
		}
		return &guard{ReadCloser: z, in: in}, true, nil
	case bytes.HasPrefix(head, zstdMagic):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, true, fmt.Errorf("it begins as a zstd file but is damaged: %w", err)
		}
		return &guard{ReadCloser: z.IOReadCloser(), in: in}, true, nil
	}
	return io.NopCloser(b), false, nil
}

// counter counts the bytes read.
type counter struct {
	io.Reader
	n int64
}

// Read implements io.Reader.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// guard stops reading a stream that expands without end.
type guard struct {
	io.ReadCloser
	in  *counter
	out int64
}

// Read implements io.Reader.
func (g *guard) Read(p []byte) (int, error) {
	n, err := g.ReadCloser.Read(p)
	g.out += int64(n)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		return n, fmt.Errorf("it says that it needs more than %d MiB of memory to be decompressed: compress it again with a smaller window", maxWindow>>20)
	}
	if g.out > judged && g.out > maxRatio*g.in.n {
		return n, fmt.Errorf("it expands to more than %d times its size, as a decompression bomb does; decompress it yourself if that is meant", maxRatio)
	}
	return n, err
}
