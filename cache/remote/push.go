package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ablate/cache"
)

// KeptError reports that the remote keeps another result of a key than the one
// that was pushed. Results are never replaced.
type KeptError struct {
	Remote  string
	Key     cache.Key
	Created time.Time // of the result that the remote keeps, if it can be read
	Refused error     // why this machine does not accept it; nil if it does
	// Unsigned says that it is the same result, without the signature that this machine
	// would add.
	Unsigned bool
}

func (e *KeptError) Error() string {
	if e.Unsigned {
		return fmt.Sprintf("%s has the result of %s without a signature, and does not take one: have it deleted on the remote, or push to another namespace", e.Remote, e.Key)
	}
	what := fmt.Sprintf("%s already has a result of %s, so this one was not pushed", e.Remote, e.Key)
	if e.Refused != nil {
		return fmt.Sprintf("%s. That result is refused here (%v): have it deleted on the remote, or push to another namespace", what, e.Refused)
	}
	return fmt.Sprintf("%s. It differs from this one and was computed at %s; to use it, disown the local result and pull",
		what, e.Created.UTC().Format(time.RFC3339))
}

// UnsignedError reports an entry that is not pushed because it may not be
// signed.
type UnsignedError struct{ Key cache.Key }

func (e *UnsignedError) Error() string {
	return fmt.Sprintf("%s was neither computed here nor pulled with a trusted signature, so it is not signed and not pushed: "+
		"push it from the machine that computed it, or disown it and compute it here", e.Key)
}

// Push copies an entry and its blobs to the remote, the entry last. Artifacts in
// absent, which the store has evicted, are left out; a store that lacks others is
// an error. A remote that has another result of the key keeps it, which is a
// *KeptError.
func (r *Remote) Push(ctx context.Context, from cache.Store, e cache.Entry, absent []string) (Transfer, error) {
	there, signed, err := r.compare(ctx, e)
	if err != nil {
		return Transfer{}, err
	}
	unsigned := there != nil && !signed && r.trust.signer != nil && e.Signable()
	if there == nil && r.trust.signer != nil && !e.Signable() {
		return Transfer{}, &UnsignedError{e.Key}
	}
	blobs, equal := blobsOf(e), there != nil && !there.Same(e)
	if equal { // by another computation, whose documents this store does not have
		blobs = e.Artifacts
	}
	files, moved, err := r.sendBlobs(ctx, from, e, blobs, absent)
	switch {
	case err != nil:
		return moved, err
	case equal && unsigned:
		return moved, r.keptUnsigned(e)
	case there != nil && !unsigned:
		return moved, nil
	}
	text := r.trust.seal(r.Namespace(), e)
	entry := outputFile{path: entryFile, digest: cache.DigestOf(text), size: int64(len(text)), contents: text}
	if err := r.t.put(ctx, casName(entry.digest), bytesObject(text)); err != nil {
		return moved, fmt.Errorf("sending the entry %s to %s: %w", e.Key, r.url, err)
	}
	if err := r.t.put(ctx, acName(r.Namespace(), e.Key), bytesObject(encodeResult(append(files, entry)))); err != nil {
		return moved, fmt.Errorf("sending the result %s to %s: %w", e.Key, r.url, err)
	}
	there, signed, err = r.compare(ctx, e) // another machine may have been faster
	switch {
	case err != nil:
		return moved, err
	case there == nil:
		return moved, fmt.Errorf("%s accepted the result of %s but does not have it", r.url, e.Key)
	case unsigned && !signed: // where the first one stays
		return moved, r.keptUnsigned(e)
	}
	moved.Entries++
	return moved, nil
}

func (r *Remote) keptUnsigned(e cache.Entry) error {
	return &KeptError{Remote: r.String(), Key: e.Key, Created: e.Created, Unsigned: true}
}

// compare returns the entry that the remote has for the key of another one, in
// the namespace that is written to, or nil, and whether it is signed. A different
// result, or one that is refused here, is a *KeptError.
func (r *Remote) compare(ctx context.Context, e cache.Entry) (there *cache.Entry, signed bool, err error) {
	there, signed, err = r.findIn(ctx, r.Namespace(), e.Key)
	var refused *RefusedError
	switch {
	case errors.As(err, &refused) && r.hasOwn(ctx, e):
		return &e, true, nil // unsigned only if this machine does not sign it
	case errors.As(err, &refused):
		return nil, false, &KeptError{Remote: r.String(), Key: e.Key, Refused: refused.Err}
	case err != nil:
		return nil, false, fmt.Errorf("looking up %s at %s: %w", e.Key, r.url, err)
	case there != nil && !there.SameArtifacts(e):
		return nil, false, &KeptError{Remote: r.String(), Key: e.Key, Created: there.Created}
	}
	return there, signed, nil
}

// hasOwn reports whether the remote has an entry exactly as this machine pushes it.
// A machine that trusts only others refuses even that.
func (r *Remote) hasOwn(ctx context.Context, e cache.Entry) bool {
	text, err := r.entryText(ctx, r.Namespace(), e.Key)
	return err == nil && bytes.Equal(text, r.trust.seal(r.Namespace(), e))
}

// sendBlobs sends those of an entry's blobs that the remote lacks.
func (r *Remote) sendBlobs(ctx context.Context, from cache.Store, e cache.Entry, blobs []cache.Artifact, absent []string) ([]outputFile, Transfer, error) {
	var mu sync.Mutex
	var moved Transfer
	var files []outputFile
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for _, a := range blobs {
		if slices.Contains(absent, a.Name) {
			continue
		}
		g.Go(func() error {
			size, sent, err := r.send(ctx, from, a)
			if err != nil {
				return fmt.Errorf("sending %s of %s to %s: %w", a.Name, e.Key, r.url, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if sent {
				moved.Add(Transfer{Blobs: 1, Bytes: size})
			}
			files = append(files, outputFile{path: a.Name, digest: a.Digest, size: size})
			return nil
		})
	}
	err := g.Wait()
	slices.SortFunc(files, func(a, b outputFile) int { return strings.Compare(a.path, b.path) })
	return files, moved, err
}

// send copies one blob to a remote that does not hold it, or not all of it.
func (r *Remote) send(ctx context.Context, from cache.Store, a cache.Artifact) (size int64, sent bool, err error) {
	if a.Size < 0 { // documents are small
		raw, err := cache.ReadAll(ctx, from, a.Digest)
		if err != nil {
			return 0, false, err
		}
		a.Size = int64(len(raw))
	}
	there, err := r.t.has(ctx, casName(a.Digest), a.Size)
	if there || err != nil {
		return a.Size, false, err
	}
	return a.Size, true, r.t.put(ctx, casName(a.Digest), object{a.Digest, a.Size, func() (io.ReadCloser, error) { return from.Open(ctx, a.Digest) }})
}

func bytesObject(raw []byte) object {
	return object{cache.DigestOf(raw), int64(len(raw)), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }}
}
