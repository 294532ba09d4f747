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
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/readahead"
	"github.com/spf13/afero"

	"ablate/cache/fsys"
)

// zstdSuffix marks blobs that are compressed at rest. Their name is the digest
// of the plain bytes all the same.
const zstdSuffix = ".zst"

// verifyFirst is the plain size up to which a blob is verified before its
// first byte is handed out.
const verifyFirst = 16 << 20

// worthOut is how much of a raw blob is written before the disk gets it: large
// blobs are hashed, written and synced at the same time.
const worthOut = 16 << 20

// compressible reports whether blobs of a media type are compressed: zstd gives
// 4 to 5 on text and tables, nothing on raw floats. Tokens stay raw, too, so
// that they can be mapped.
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
	tmp, err := afero.TempFile(s.fs, s.path("tmp"), "blob-*")
	if err != nil {
		return nil, advise(fmt.Errorf("creating a blob: %w", err))
	}
	w := &blobWriter{store: s, tmp: tmp, hash: newConcurrentHash(), sink: tmp}
	if compressible(mediaType) {
		w.suffix = zstdSuffix
		w.zstd = encoders.Get().(*zstd.Encoder)
		w.zstd.Reset(tmp)
		w.sink = w.zstd
	}
	return w, nil
}

// encoders and decoders are kept for the next blob: each has megabytes of
// tables, and most blobs are small.
var (
	encoders = sync.Pool{New: func() any {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err != nil {
			panic("cache: options of zstd that are constants: " + err.Error())
		}
		return e
	}}
	decoders = sync.Pool{New: func() any {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
		if err != nil {
			panic("cache: options of zstd that are constants: " + err.Error())
		}
		return d
	}}
)

type blobWriter struct {
	store  *Local
	tmp    afero.File
	zstd   *zstd.Encoder // nil for raw blobs
	sink   io.Writer
	hash   *concurrentHash
	size   int64
	out    int64          // of size, what the disk is getting
	outs   sync.WaitGroup // hints under way
	suffix string
	failed error // of a write: what is there is not what was asked for
	done   bool
}

// Write implements io.Writer.
func (w *blobWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 && w.failed == nil {
		piece := p[:min(len(p), maxHashPiece)]
		w.hash.write(piece)
		n, err := w.sink.Write(piece) // a short one fails, so that its digest does not matter
		written += n
		if err != nil {
			w.failed = advise(fmt.Errorf("writing a blob: %w", err))
		}
		p = p[len(piece):]
	}
	w.size += int64(written)
	if size := w.size - w.out; w.zstd == nil && size >= worthOut {
		from := w.out
		w.out = w.size
		w.outs.Go(func() { fsys.WriteOut(w.tmp, from, size) })
	}
	return written, w.failed
}

// Commit implements Writer. After a write that failed it fails, too: not every
// caller stops at the first.
func (w *blobWriter) Commit() (Digest, int64, error) {
	switch {
	case w.done:
		return Digest{}, 0, errors.New("the blob is finished already")
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
	d := w.hash.end()
	if err != nil {
		return Digest{}, 0, advise(fmt.Errorf("writing a blob: %w", err))
	}
	err = w.store.link(w.tmp.Name(), w.store.blobPath(d, w.suffix))
	if errors.Is(err, fs.ErrExist) {
		// Young again, so that no collection takes it before its new entry names
		// it. Where that fails, or it is taken at this very moment, publishing
		// notices.
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
	w.hash.end()
	w.outs.Wait()
	if w.zstd != nil {
		w.retire() // what it has not written is thrown away
	}
	return errors.Join(w.tmp.Close(), w.store.fs.Remove(w.tmp.Name()))
}

// retire puts the encoder back.
func (w *blobWriter) retire() {
	w.zstd.Reset(nil)
	encoders.Put(w.zstd)
	w.zstd = nil
}

// Open implements Store.
func (s *Local) Open(_ context.Context, d Digest) (io.ReadCloser, error) {
	var lost error
	for _, suffix := range []string{"", zstdSuffix} {
		path := s.blobPath(d, suffix)
		f, err := s.openFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			lost = err
			continue
		}
		if errors.Is(err, errUnfit) {
			s.quarantine(path, "")
			return nil, &DamagedError{What: "blob " + d.String(), Path: path, Err: err}
		}
		if err != nil {
			return nil, fmt.Errorf("opening blob %s: %w", d, err)
		}
		return s.verified(d, path, f, suffix == zstdSuffix)
	}
	return nil, fmt.Errorf("blob %s is not in the store: %w", d, lost)
}

// verified wraps a blob's file so that only bytes of the right digest get out.
func (s *Local) verified(d Digest, path string, f afero.File, packed bool) (io.ReadCloser, error) {
	v := &verifier{store: s, want: d, path: path, file: f, plain: f, hash: sha256.New()}
	if info, err := f.Stat(); err == nil && info.Size() > verifyFirst {
		v.ahead = readahead.NewReader(f) // the disk and the hash take turns otherwise
		v.plain = v.ahead
	}
	if packed {
		v.zstd = decoders.Get().(*zstd.Decoder)
		if err := v.zstd.Reset(v.plain); err != nil {
			v.Close()
			return nil, v.damaged(err)
		}
		v.plain = v.zstd
	}
	head, err := io.ReadAll(io.LimitReader(v, verifyFirst))
	if err != nil {
		v.Close()
		return nil, err
	}
	if len(head) < verifyFirst { // all of it, and verified at its end
		v.Close()
		return io.NopCloser(bytes.NewReader(head)), nil
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), v), v}, nil
}

// verifier hashes what it reads and refuses to end on a wrong digest.
type verifier struct {
	store *Local
	want  Digest
	path  string
	file  afero.File
	ahead io.ReadCloser
	zstd  *zstd.Decoder
	plain io.Reader
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
		return n, v.damaged(err)
	}
	if got := Digest(v.hash.Sum(nil)); got != v.want {
		return 0, v.damaged(fmt.Errorf("its bytes have the digest %s", got))
	}
	return n, io.EOF
}

func (v *verifier) damaged(err error) error {
	v.store.quarantine(v.path, "")
	return &DamagedError{What: "blob " + v.want.String(), Path: v.path, Err: err}
}

// Close implements io.Closer.
func (v *verifier) Close() error {
	if v.zstd != nil {
		v.zstd.Reset(nil)
		decoders.Put(v.zstd)
		v.zstd = nil
	}
	if v.ahead != nil {
		return errors.Join(v.ahead.Close(), v.file.Close())
	}
	return v.file.Close()
}

// hasBlob reports whether a blob is here, in either encoding.
func (s *Local) hasBlob(d Digest) bool {
	for _, suffix := range []string{zstdSuffix, ""} {
		if _, err := s.fs.Stat(s.blobPath(d, suffix)); err == nil {
			return true
		}
	}
	return false
}

// Evict implements Store. A process that reads the blob meanwhile keeps it.
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
