// Package unpack reads files that may be compressed. It goes by their content:
// gzip and zstd begin with fixed bytes. Stages and sources share it, so that
// both refuse the same decompression bombs.
package unpack

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/readahead"
)

// The first bytes of compressed files. The third byte of gzip is its only
// compression method.
var (
	gzipMagic = []byte{0x1f, 0x8b, 0x08}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

	skippableMagic = []byte{0x2a, 0x4d, 0x18} // after a byte from 0x50 to 0x5f
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

// smallStream is the size up to which a compressed stream is decompressed by its
// reader, in bytes. Larger ones are decompressed concurrently, which takes
// goroutines and memory.
const smallStream = 1 << 16

// A large gzip stream is read ahead into so many buffers of so many bytes. A decoder
// of zstd has its own.
const (
	aheadBuffers = 4
	aheadBuffer  = 1 << 18
)

// Reader returns the content of a stream, decompressed if it is compressed, and
// whether it was. Closing it does not close r.
func Reader(r io.Reader) (content io.ReadCloser, packed bool, err error) {
	b := bufio.NewReaderSize(r, smallStream)
	head, err := b.Peek(smallStream)
	if err != nil && len(head) == 0 && err != io.EOF {
		return nil, false, err
	}
	large := err == nil
	in := &counter{Reader: b}
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, true, fmt.Errorf("it begins as a gzip file but is damaged: %w", err)
		}
		content = &guard{ReadCloser: z, in: in}
		if !large {
			return content, true, nil
		}
		content, err = readahead.NewReadCloserSize(content, aheadBuffers, aheadBuffer)
		return content, true, err
	case bytes.HasPrefix(head, zstdMagic):
		options := []zstd.DOption{zstd.WithDecoderMaxWindow(maxWindow)}
		if !large {
			options = append(options, zstd.WithDecoderConcurrency(1))
		}
		z, err := zstd.NewReader(in, options...)
		if err != nil {
			return nil, true, fmt.Errorf("it begins as a zstd file but is damaged: %w", err)
		}
		return &guard{ReadCloser: z.IOReadCloser(), in: in}, true, nil
	}
	return io.NopCloser(b), false, nil
}

// Named is Reader for a stream whose name says that it is compressed. It may begin with
// frames that zstd skips, as the files of pzstd do. Other formats begin with them, too.
func Named(r io.Reader) (io.ReadCloser, error) {
	b := bufio.NewReader(r)
	for {
		const header = 8 // magic number and size, little-endian
		head, _ := b.Peek(header)
		if len(head) < header || head[0]&0xf0 != 0x50 || !bytes.Equal(head[1:4], skippableMagic) {
			break
		}
		size := header + int64(binary.LittleEndian.Uint32(head[4:]))
		if _, err := io.CopyN(io.Discard, b, size); err != nil {
			return nil, fmt.Errorf("it begins as a zstd file but is damaged: %w", err)
		}
	}
	content, packed, err := Reader(b)
	if err == nil && !packed {
		err = errors.New("its name says that it is compressed, but it is neither gzip nor zstd")
	}
	return content, err
}

// counter counts the bytes read, by one goroutine or another.
type counter struct {
	io.Reader
	n atomic.Int64
}

// Read implements io.Reader.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
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
	if g.out > judged && g.out > maxRatio*g.in.n.Load() {
		return n, fmt.Errorf("it expands to more than %d times its size, as a decompression bomb does; decompress it yourself if that is meant", maxRatio)
	}
	return n, err
}
