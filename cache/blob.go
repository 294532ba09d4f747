package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/readahead"
	"github.com/spf13/afero"

	"ablate/cache/fsys"
)

// zstdSuffix marks blobs that are compressed at rest. They too are named by the
// digest of the plain bytes.
const zstdSuffix = ".zst"

// eagerVerifySize is the plain size up to which a blob is verified before its
// first byte is returned.
const eagerVerifySize = 16 << 20

// writeOutSize is how much of an uncompressed blob is buffered before the kernel
// starts writing it to the disk. Large blobs are thus hashed, written and synced
// concurrently.
const writeOutSize = 16 << 20

// compressible reports whether blobs of a media type are compressed. zstd shrinks
// text and tables four to five times and raw floats not at all. Tokens stay
// uncompressed so that they can be memory-mapped.
func compressible(mediaType string) bool {
	switch mediaType {
	case "application/x-safetensors", "application/x-ablate-tokens", "application/octet-stream", "image/png":
		return false
	}
	return true
}

func (s *Local) blobPath(d Digest, suffix string) string {
	hex := d.Hex()
	return s.path("blobs", "sha256", hex[:2], hex+suffix)
}

// Create implements Store.
func (s *Local) Create(_ context.Context, mediaType string) (Writer, error) {
	tmp, err := s.tempFile("blob-*")
	if err != nil {
		return nil, advise(fmt.Errorf("creating a blob: %w", err))
	}
	w := &blobWriter{store: s, tmp: tmp, hash: sha256.New(), sink: tmp}
	if compressible(mediaType) {
		w.suffix = zstdSuffix
		w.zstd = encoders.Get().(*zstd.Encoder)
		w.zstd.Reset(tmp)
		w.sink = w.zstd
	}
	return w, nil
}

// encoders and decoders are reused: each has megabytes of tables, and most blobs
// are small. Large blobs are decompressed concurrently.
var (
	encoders = sync.Pool{New: func() any {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err != nil {
			panic("cache: constant options of zstd: " + err.Error())
		}
		return e
	}}
	decoders           = sync.Pool{New: newDecoder(zstd.WithDecoderConcurrency(1))}
	concurrentDecoders = sync.Pool{New: newDecoder()}
)

func newDecoder(options ...zstd.DOption) func() any {
	return func() any {
		d, err := zstd.NewReader(nil, options...)
		if err != nil {
			panic("cache: constant options of zstd: " + err.Error())
		}
		return d
	}
}

type blobWriter struct {
	store  *Local
	tmp    afero.File
	zstd   *zstd.Encoder // nil for uncompressed blobs
	sink   io.Writer
	hash   hash.Hash
	size   int64
	out    int64          // of size, what the kernel was told to write out
	outs   sync.WaitGroup // running write-outs
	suffix string
	failed error // of a write: the file does not hold what was asked for
	done   bool
}

// concurrentSize is the size from which bytes are hashed while they are written, and
// writeSize the size of the pieces in which they are.
const (
	concurrentSize = 64 << 10
	writeSize      = 1 << 20
)

// Write implements io.Writer.
func (w *blobWriter) Write(p []byte) (n int, err error) {
	if w.failed != nil {
		return 0, w.failed
	}
	if len(p) < concurrentSize {
		n = w.write(p)
		w.hash.Write(p)
		return n, w.failed
	}
	var writing sync.WaitGroup
	writing.Go(func() { n = w.write(p) })
	w.hash.Write(p) // a short write fails the blob, so its digest does not matter
	writing.Wait()
	return n, w.failed
}

// write returns how many bytes it wrote. The error is in failed.
func (w *blobWriter) write(p []byte) (written int) {
	for piece := range slices.Chunk(p, writeSize) {
		n, err := w.sink.Write(piece)
		written += n
		w.size += int64(n)
		if err != nil {
			w.failed = advise(fmt.Errorf("writing a blob: %w", err))
			break
		}
		w.writeOut()
	}
	return written
}

// writeOut makes the kernel write to the disk what it buffers of an uncompressed blob.
func (w *blobWriter) writeOut() {
	from, size := w.out, w.size-w.out
	if w.zstd != nil || size < writeOutSize {
		return
	}
	w.out = w.size
	w.outs.Go(func() { fsys.WriteOut(w.tmp, from, size) })
}

// Commit implements Writer. It fails after a failed write, because not every
// caller checks the error of Write.
func (w *blobWriter) Commit() (Digest, int64, error) {
	switch {
	case w.done:
		return Digest{}, 0, errors.New("the blob is already committed or aborted")
	case w.failed != nil:
		return Digest{}, 0, errors.Join(w.failed, w.Abort())
	}
	w.done = true
	w.outs.Wait()
	defer w.store.fs.Remove(w.tmp.Name())
	var err error
	if w.zstd != nil {
		err = w.zstd.Close()
		w.retire()
	}
	err = errors.Join(err, w.tmp.Sync(), w.tmp.Close())
	d := Digest(w.hash.Sum(nil))
	if err != nil {
		return Digest{}, 0, advise(fmt.Errorf("writing a blob: %w", err))
	}
	err = w.store.putInPlace(w.tmp.Name(), w.store.blobPath(d, w.suffix), 0o444, w.store.hardLink)
	if errors.Is(err, fs.ErrExist) {
		// Refresh its age, so that no garbage collection removes it before its new
		// entry names it. If that fails, or it is removed right now, publishing the
		// entry fails.
		now := time.Now()
		w.store.fs.Chtimes(w.store.blobPath(d, w.suffix), now, now)
		return d, w.size, nil
	}
	if err != nil {
		return Digest{}, 0, advise(fmt.Errorf("publishing blob %s: %w", d, err))
	}
	return d, w.size, nil
}

// Abort implements Writer.
func (w *blobWriter) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	w.outs.Wait()
	if w.zstd != nil {
		w.retire()
	}
	return errors.Join(w.tmp.Close(), w.store.fs.Remove(w.tmp.Name()))
}

// retire returns the encoder to the pool, without what it has not written.
func (w *blobWriter) retire() {
	w.zstd.Reset(nil)
	encoders.Put(w.zstd)
	w.zstd = nil
}

// Open implements Store.
func (s *Local) Open(_ context.Context, d Digest) (io.ReadCloser, error) {
	f, path, compressed, err := s.openBlob(d)
	if err != nil {
		return nil, err
	}
	return s.verified(d, path, f, compressed)
}

// openBlob opens the file of a blob, in either encoding.
func (s *Local) openBlob(d Digest) (f afero.File, path string, compressed bool, err error) {
	for _, suffix := range []string{"", zstdSuffix} {
		path, compressed = s.blobPath(d, suffix), suffix == zstdSuffix
		f, err = s.openFile(path)
		switch {
		case err == nil:
			return f, path, compressed, nil
		case !errors.Is(err, fs.ErrNotExist):
			return nil, path, compressed, s.badBlob(d, path, err)
		}
	}
	return nil, path, compressed, fmt.Errorf("the store has no blob %s: %w", d, err)
}

// badBlob moves a blob's file aside, unless the error is one of reading, which may
// pass.
func (s *Local) badBlob(d Digest, path string, err error) error {
	if isReadError(err) {
		return fmt.Errorf("reading blob %s: %w", d, unread(err))
	}
	moved := s.quarantine(path, "")
	return &DamagedError{What: "blob " + d.String(), Path: path, Err: err, InPlace: !moved}
}

// verified wraps a blob's file so that only bytes of the right digest are
// returned.
func (s *Local) verified(d Digest, path string, f afero.File, compressed bool) (io.ReadCloser, error) {
	v, err := s.verifier(d, path, f, compressed, true)
	if err != nil {
		return nil, err
	}
	body := io.ReadCloser(v)
	if v.ahead != nil {
		body = readahead.NewReadCloser(v) // hashes while the caller works
	}
	head, err := io.ReadAll(io.LimitReader(body, eagerVerifySize))
	if err != nil {
		body.Close()
		return nil, err
	}
	if len(head) < eagerVerifySize { // the whole blob, verified at its end
		body.Close()
		return &blobReader{Reader: bytes.NewReader(head), Closer: io.NopCloser(nil), small: head}, nil
	}
	return &blobReader{Reader: io.MultiReader(bytes.NewReader(head), body), Closer: body, size: v.size}, nil
}

// blobReader reads a blob.
type blobReader struct {
	io.Reader
	io.Closer
	small []byte // all bytes of a small blob; else nil
	size  int64  // of a large blob, 0 if it is unknown
}

// all reads a blob of which nothing was read yet, without growing a buffer where its
// size is known. A damaged file may have any size.
func (b *blobReader) all() ([]byte, error) {
	if b.small != nil {
		return b.small, nil
	}
	const most = 1 << 30 // that is believed
	out := bytes.NewBuffer(make([]byte, 0, min(b.size, most)+bytes.MinRead))
	_, err := out.ReadFrom(b)
	return out.Bytes(), err
}

// verifier opens a blob's file. With ahead, large ones are read, decompressed and
// hashed concurrently, which takes megabytes.
func (s *Local) verifier(d Digest, path string, f afero.File, compressed, ahead bool) (*verifier, error) {
	v := &verifier{store: s, want: d, path: path, file: f, plain: f, hash: sha256.New()}
	if info, err := f.Stat(); ahead && err == nil && info.Size() > eagerVerifySize {
		v.ahead = readahead.NewReader(f)
		v.plain = v.ahead
		v.size = info.Size()
	}
	if compressed {
		v.size = 0
		v.pool = &decoders
		if v.ahead != nil {
			v.pool = &concurrentDecoders
		}
		v.zstd = v.pool.Get().(*zstd.Decoder)
		if err := v.zstd.Reset(v.plain); err != nil {
			v.Close()
			return nil, s.badBlob(d, path, err)
		}
		v.plain = v.zstd
	}
	return v, nil
}

// verifier hashes what it reads, and fails instead of ending on a wrong digest.
type verifier struct {
	store *Local
	want  Digest
	path  string
	file  afero.File
	ahead io.ReadCloser // reads a large file; else nil
	zstd  *zstd.Decoder // of a compressed blob
	pool  *sync.Pool    // of zstd
	plain io.Reader     // the last of file, ahead and zstd
	size  int64         // of a large blob, 0 if it is unknown
	hash  hash.Hash
}

// Read implements io.Reader.
func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.plain.Read(p)
	v.hash.Write(p[:n])
	switch {
	case err == nil:
		return n, nil
	case !errors.Is(err, io.EOF):
		return n, v.store.badBlob(v.want, v.path, err)
	}
	if got := Digest(v.hash.Sum(nil)); got != v.want {
		return 0, v.store.badBlob(v.want, v.path, fmt.Errorf("its bytes have the digest %s", got))
	}
	return n, io.EOF
}

// Close implements io.Closer.
func (v *verifier) Close() error {
	if v.zstd != nil {
		v.zstd.Reset(nil) // ends its goroutines
		v.pool.Put(v.zstd)
		v.zstd = nil
	}
	if v.ahead != nil {
		return errors.Join(v.ahead.Close(), v.file.Close())
	}
	return v.file.Close()
}

// Has reports whether the store holds a blob, in either encoding. It does not read
// the blob. An error says that this is not known.
func (s *Local) Has(d Digest) (bool, error) {
	for _, suffix := range []string{zstdSuffix, ""} {
		info, err := s.fs.Stat(s.blobPath(d, suffix))
		switch {
		case err == nil && info.Mode().IsRegular():
			return true, nil
		case err != nil && !isAbsent(err):
			return false, fmt.Errorf("looking for blob %s: %w", d, unread(err))
		}
	}
	return false, nil
}

// Evict implements Store. A process that is reading the blob can finish.
func (s *Local) Evict(ctx context.Context, ds ...Digest) error {
	for _, d := range ds {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		for _, suffix := range []string{"", zstdSuffix} {
			if err := s.fs.Remove(s.blobPath(d, suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return advise(fmt.Errorf("evicting blob %s: %w", d, err))
			}
		}
	}
	return nil
}

// Stream opens a blob without reading ahead. Wrong bytes surface as a
// *DamagedError at the end, after they were returned: it is for readers that
// verify the digest themselves.
func (s *Local) Stream(_ context.Context, d Digest) (body io.ReadCloser, compressed bool, err error) {
	f, path, compressed, err := s.openBlob(d)
	if err != nil {
		return nil, false, err
	}
	v, err := s.verifier(d, path, f, compressed, false)
	return v, compressed, err
}
