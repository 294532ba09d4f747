package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"

	"ablate/cache"
)

func (s *Server) getResult(w http.ResponseWriter, r *http.Request, k cache.Key) error {
	raw, err := s.result(r, k)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if r.Method == http.MethodHead {
		return nil
	}
	w.Write(raw) // a client that is gone needs no answer
	return nil
}

func (s *Server) getBlob(w http.ResponseWriter, r *http.Request, d cache.Digest) error {
	switch {
	case d == cache.DigestOf(nil): // always exists
		return nil
	case r.Method == http.MethodHead:
		ok, err := s.o.Store.Has(d)
		if err == nil && !ok {
			err = errAbsent
		}
		return err
	}
	body, err := s.limits.open(r.Context(), s.o.Store, d)
	if err != nil {
		return err
	}
	defer body.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	if _, err := io.Copy(w, body); err != nil {
		panic(http.ErrAbortHandler) // too late for another status; the client sees a broken answer
	}
	return nil
}

// result is the form in which an entry was written by a client, or is made from
// the store's entry.
func (s *Server) result(r *http.Request, k cache.Key) ([]byte, error) {
	found, err := s.o.Store.Lookup(r.Context(), k)
	if err != nil {
		return nil, err
	}
	if !found[0].OK {
		return nil, errAbsent
	}
	e := *found[0].Entry
	if raw, ok, err := s.o.Store.Sealed(k); err == nil && ok && checkSealed(raw, e) == nil {
		return raw, nil
	}
	var files []outputFile
	for _, a := range blobsOf(e) {
		if a.Size < 0 {
			raw, err := cache.ReadAll(r.Context(), s.o.Store, a.Digest)
			if err != nil {
				return nil, absent(err)
			}
			a.Size = int64(len(raw))
		}
		files = append(files, outputFile{path: a.Name, digest: a.Digest, size: a.Size})
	}
	text := s.trust.seal("", e)
	return encodeResult(append(files, outputFile{path: entryFile, digest: cache.DigestOf(text), size: int64(len(text)), contents: text})), nil
}

// maxSpoolInMemory is the plain size of a compressed blob up to which it is
// decompressed in memory, and not into a temporary file.
const maxSpoolInMemory = 64 << 10

// open opens a blob for a client that may be slow. Uncompressed blobs are
// streamed and verified on the way. Compressed ones are verified and decompressed
// first, a few at a time, because every decompressor takes megabytes for as long
// as its client reads.
func (l limits) open(ctx context.Context, store *cache.Local, d cache.Digest) (io.ReadCloser, error) {
	body, compressed, err := store.Stream(ctx, d)
	if err != nil {
		return nil, absent(err)
	}
	if !compressed {
		return body, nil
	}
	body.Close()
	release, err := l.codecs.wait(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if body, _, err = store.Stream(ctx, d); err != nil {
		return nil, absent(err)
	}
	defer body.Close()
	return spool(body)
}

// absent replaces the error for a blob that is missing, or was damaged and moved
// aside. Others may pass: a client that was told "not found" would not try again.
func absent(err error) error {
	var damaged *cache.DamagedError
	if errors.Is(err, fs.ErrNotExist) || errors.As(err, &damaged) {
		return errAbsent
	}
	return err
}

// spool reads everything into memory, or into a temporary file if it is large.
func spool(from io.Reader) (io.ReadCloser, error) {
	var head bytes.Buffer
	if _, err := io.CopyN(&head, from, maxSpoolInMemory); err != nil {
		if err != io.EOF {
			return nil, absent(err)
		}
		return io.NopCloser(&head), nil
	}
	f, err := os.CreateTemp("", "ablate-serve-*")
	if err != nil {
		return nil, err
	}
	t := &tempFile{f}
	if _, err = io.Copy(f, io.MultiReader(&head, from)); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		t.Close()
		return nil, absent(err)
	}
	return t, nil
}

// tempFile is removed when it is closed.
type tempFile struct{ *os.File }

// Close implements io.Closer.
func (t *tempFile) Close() error {
	err := t.File.Close()
	os.Remove(t.Name()) // a leftover is harmless
	return err
}
