package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"ablate/cache"
)

func (s *Server) putBlob(r *http.Request, want cache.Digest) error {
	const sniff, piece = 512, 32 << 10
	body := bufio.NewReaderSize(r.Body, piece)
	head, _ := body.Peek(sniff) // shorter blobs end here
	media := "application/octet-stream"
	if strings.HasPrefix(http.DetectContentType(head), "text/") {
		media = "text/plain" // compressed at rest
		release, ok := s.limits.codecs.acquire()
		if !ok {
			media = "application/octet-stream"
		} else {
			defer release()
		}
	}
	w, err := s.o.Store.Create(r.Context(), media)
	if err != nil {
		return err
	}
	hash := cache.NewDigester()
	if _, err := io.Copy(io.MultiWriter(w, hash), body); err != nil {
		return errors.Join(err, w.Abort())
	}
	if hash.Digest() != want {
		return errors.Join(refuse(fmt.Errorf("the bytes have the digest %s", hash.Digest())), w.Abort())
	}
	_, _, err = w.Commit()
	return err
}

// putEmpty stores the empty blob, which clients do not send because the server
// claims to have it.
func (s *Server) putEmpty(ctx context.Context) error {
	w, err := s.o.Store.Create(ctx, "application/octet-stream")
	if err != nil {
		return err
	}
	_, _, err = w.Commit()
	return err
}

// putResult imports an entry. The store must hold its blobs, except artifacts
// that the result does not list: these count as evicted. The first entry stays.
func (s *Server) putResult(r *http.Request, place cache.Key) error {
	release, ok := s.limits.results.acquire()
	if !ok {
		return statusError{http.StatusTooManyRequests, errors.New("too many results at once")}
	}
	defer release()
	raw, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxResultSize))
	if err != nil {
		return refuse(err)
	}
	given, sent, err := s.readResult(raw, place)
	if err != nil {
		return err
	}
	e := given.entry
	for _, a := range blobsOf(e) {
		if a.Digest == cache.DigestOf(nil) {
			if err := s.putEmpty(r.Context()); err != nil {
				return err
			}
		}
	}
	if err := s.checkIngredients(r.Context(), e); err != nil {
		return err
	}
	if err := s.o.Store.Disowned(e); err != nil {
		return refuse(err)
	}
	var evicted []string
	for _, a := range e.Artifacts {
		if !slices.ContainsFunc(sent, func(f outputFile) bool { return f.path == a.Name }) {
			evicted = append(evicted, a.Name)
		}
	}
	e.Key = place // a namespace's result must not pass for the store's own
	won, err := s.o.Store.Import(r.Context(), e, evicted...)
	switch {
	case err != nil:
		return refuse(err)
	case won.Same(e):
		return s.o.Store.PutSealed(place, raw)
	case !won.SameArtifacts(e):
		return statusError{http.StatusConflict, fmt.Errorf("another result of %s is stored here, and stays", given.entry.Key)}
	}
	return nil
}

// readResult checks what a client wants stored in a place. The entry is Verified
// if the server requires signatures.
func (s *Server) readResult(raw []byte, place cache.Key) (given sealed, sent []outputFile, err error) {
	text, _, err := entryOf(raw)
	if err == nil {
		sent, err = decodeResult(raw)
	}
	if err == nil {
		given, err = unseal(text)
	}
	if err == nil && placeOf(given.namespace, given.entry.Key) != place {
		err = fmt.Errorf("it is the entry of %s in %s", given.entry.Key, namespaceText(given.namespace))
	}
	if err == nil {
		err = given.entry.Check()
	}
	if err == nil && given.namespace == "" {
		given.entry, err = s.trust.open("", text)
	}
	if err != nil {
		err = refuse(err)
	}
	return given, sent, err
}

func (s *Server) checkIngredients(ctx context.Context, e cache.Entry) error {
	if s.o.Check == nil {
		return nil
	}
	raw, err := cache.ReadAll(ctx, s.o.Store, e.Ingredients)
	if err != nil {
		return refuse(fmt.Errorf("entry %s names blobs that the store does not hold: ingredients", e.Key))
	}
	if err := s.o.Check(e, raw); err != nil {
		return refuse(err)
	}
	return nil
}

// checkSealed reports a sealed entry that is not that of an entry of the store.
func checkSealed(raw []byte, e cache.Entry) error {
	text, _, err := entryOf(raw)
	if err != nil {
		return err
	}
	files, err := decodeResult(raw)
	if err != nil {
		return err
	}
	if string(encodeResult(files)) != string(raw) {
		return errors.New("it holds something else than files")
	}
	s, err := unseal(text)
	if err != nil {
		return err
	}
	if place := placeOf(s.namespace, s.entry.Key); place != e.Key {
		return fmt.Errorf("it is the entry of %s", s.entry.Key)
	}
	s.entry.Key = e.Key
	if !s.entry.Same(e) {
		return errors.New("it is another entry than the store's")
	}
	blobs := blobsOf(e)
	for _, f := range files {
		i := slices.IndexFunc(blobs, func(a cache.Artifact) bool { return a.Name == f.path })
		if f.path != entryFile && (i < 0 || blobs[i].Digest != f.digest || blobs[i].Size >= 0 && blobs[i].Size != f.size) {
			return fmt.Errorf("its file %.100q is not one of the entry's", f.path)
		}
	}
	return nil
}

// VerifySealed checks the forms in which clients wrote entries to a store. Those
// that are damaged are moved aside; the server then makes them from the entry.
func VerifySealed(store *cache.Local, entries []cache.Entry) (faults []error) {
	for _, e := range entries {
		raw, ok, err := store.Sealed(e.Key)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if !ok {
			continue
		}
		if err := checkSealed(raw, e); err != nil {
			store.DropSealed(e.Key)
			faults = append(faults, fmt.Errorf("the sealed form of entry %s is damaged: %w; it was moved aside, and a client has to push it again for its signature", e.Key, err))
		}
	}
	return faults
}
