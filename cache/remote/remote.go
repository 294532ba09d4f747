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

// Options say how a remote is used.
type Options struct {
	URL   string
	Token string // a bearer token, over HTTP
	Sign  string // a private key of Keygen's: entries are signed when they are pushed

	// Namespace is where entries are written, and looked for first; then those of
	// Read are looked into, in order. "" is the default one. Blobs are shared.
	Namespace string
	Read      []string

	// Trust holds public keys, TrustIn those that count in one namespace only.
	// Where there are any, entries that none of them signed are refused.
	Trust   []string
	TrustIn map[string][]string

	// Refused is told of answers that are not taken, which then count as misses:
	// damaged ones, and those that nobody trusted has signed. Without it they are
	// errors. It may be called by several goroutines at once.
	Refused func(error)
}

// RefusedError says that what a remote has for a key is not taken.
type RefusedError struct {
	Remote    string
	Namespace string
	Key       cache.Key
	Err       error
}

func (e *RefusedError) Error() string {
	in := ""
	if e.Namespace != "" {
		in = " in " + inNamespace(e.Namespace)
	}
	return fmt.Sprintf("what %s has for %s%s is refused: %v", e.Remote, e.Key, in, e.Err)
}

// Unwrap returns what is wrong with it.
func (e *RefusedError) Unwrap() error { return e.Err }

// Remote is a store elsewhere.
type Remote struct {
	url        string
	t          transport
	trust      *trust
	namespaces []string // the first is written to
	refused    func(error)
}

// Open connects to a remote, and refuses one that is not what it should be.
func Open(ctx context.Context, o Options) (*Remote, error) { return open(ctx, o, Patience) }

// open is Open with a limit for how long the remote may hang.
func open(ctx context.Context, o Options, limit time.Duration) (*Remote, error) {
	trust, err := newTrust(o.Sign, o.Trust, o.TrustIn)
	if err != nil {
		return nil, err
	}
	t, err := newTransport(ctx, o.URL, o.Token)
	if err == nil {
		t = watched{t, limit}
		err = t.check(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("the remote %s cannot be used: %w", o.URL, err)
	}
	return &Remote{url: o.URL, t: t, trust: trust, namespaces: append([]string{o.Namespace}, o.Read...), refused: o.Refused}, nil
}

// URL is the remote's address.
func (r *Remote) URL() string { return r.url }

// Namespace is the one that entries are written to.
func (r *Remote) Namespace() string { return r.namespaces[0] }

// String names the remote, and the namespace that is written to.
func (r *Remote) String() string {
	if ns := r.Namespace(); ns != "" {
		return r.url + ", " + inNamespace(ns)
	}
	return r.url
}

// atOnce is how many objects are under way at a time.
const atOnce = 16

// maxResult bounds what is read as a result.
const maxResult = 4 << 20

// Find asks for keys, in order. A miss is a nil.
func (r *Remote) Find(ctx context.Context, keys ...cache.Key) ([]*cache.Entry, error) {
	out := make([]*cache.Entry, len(keys))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i, k := range keys {
		g.Go(func() error {
			e, err := r.find(ctx, k)
			if err != nil {
				return fmt.Errorf("asking %s for %s: %w", r.url, k, err)
			}
			out[i] = e
			return nil
		})
	}
	return out, g.Wait()
}

// find looks into one namespace after the other. What is refused in one may be
// had from the next.
func (r *Remote) find(ctx context.Context, k cache.Key) (*cache.Entry, error) {
	for _, ns := range r.namespaces {
		e, err := r.findIn(ctx, ns, k)
		var refused *RefusedError
		if errors.As(err, &refused) && r.refused != nil {
			r.refused(err)
			continue
		}
		if e != nil || err != nil {
			return e, err
		}
	}
	return nil, nil
}

func (r *Remote) findIn(ctx context.Context, ns string, k cache.Key) (*cache.Entry, error) {
	raw, err := r.small(ctx, acName(ns, k))
	if errors.Is(err, errAbsent) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	refuse := func(err error) (*cache.Entry, error) {
		return nil, &RefusedError{Remote: r.url, Namespace: ns, Key: k, Err: err}
	}
	text, digest, err := entryOf(raw)
	if err != nil {
		return refuse(err)
	}
	if len(text) == 0 {
		text, err = r.small(ctx, casName(digest))
		switch {
		case errors.Is(err, errAbsent):
			return refuse(errors.New("it names an entry that is not there"))
		case err != nil:
			return nil, fmt.Errorf("reading its entry: %w", err)
		case cache.DigestOf(text) != digest:
			return refuse(errors.New("its entry is damaged on the way or there"))
		}
	}
	e, err := r.trust.open(ns, text)
	if err != nil {
		return refuse(err)
	}
	if e.Key != k {
		return refuse(fmt.Errorf("it answers with the entry of %s", e.Key))
	}
	return &e, nil
}

// small reads a whole object that must be small.
func (r *Remote) small(ctx context.Context, name string) ([]byte, error) {
	body, err := r.t.get(ctx, name)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	raw, err := io.ReadAll(io.LimitReader(body, maxResult+1))
	if err == nil && len(raw) > maxResult {
		err = errors.New("it is larger than any result")
	}
	return raw, err
}

// Moved is what a transfer did.
type Moved struct {
	Blobs int
	Bytes int64
}

// add sums transfers up.
func (m *Moved) add(n int64) { m.Blobs, m.Bytes = m.Blobs+1, m.Bytes+n }

// blobsOf lists all blobs of an entry, with their size where it is known.
func blobsOf(e cache.Entry) []cache.Artifact {
	out := append([]cache.Artifact{}, e.Artifacts...)
	return append(out, cache.Artifact{Name: ingredientsFile, MediaType: "application/json", Digest: e.Ingredients, Size: -1},
		cache.Artifact{Name: provenanceFile, MediaType: "application/json", Digest: e.Provenance, Size: -1})
}

// Pull brings an entry's blobs here and publishes it. Optional says which
// artifacts may be missing there: they count as evicted here.
func (r *Remote) Pull(ctx context.Context, to cache.Store, e cache.Entry, optional func(name string) bool) (Moved, error) {
	var mu sync.Mutex
	var moved Moved
	var evicted []string
	g, ctx2 := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, a := range blobsOf(e) {
		g.Go(func() error {
			n, err := r.fetch(ctx2, to, a)
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, errAbsent) && optional != nil && optional(a.Name) {
				evicted = append(evicted, a.Name)
				return nil
			}
			if err != nil {
				return fmt.Errorf("fetching %s of %s from %s: %w", a.Name, e.Key, r.url, err)
			}
			moved.add(n)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return moved, err
	}
	_, err := to.Import(ctx, e, evicted...)
	return moved, err
}

// fetch brings one blob here, if it is not. Bytes of another digest are thrown
// away.
func (r *Remote) fetch(ctx context.Context, to cache.Store, a cache.Artifact) (int64, error) {
	if have, err := to.Open(ctx, a.Digest); err == nil {
		return 0, have.Close()
	}
	body, err := r.t.get(ctx, casName(a.Digest))
	if err != nil {
		return 0, err
	}
	defer body.Close()
	w, err := to.Create(ctx, a.MediaType)
	if err != nil {
		return 0, err
	}
	hash := cache.NewDigester()
	n, err := io.Copy(io.MultiWriter(w, hash), body)
	if err == nil && hash.Digest() != a.Digest {
		err = fmt.Errorf("its bytes have the digest %s and not %s: it is damaged there or on the way", hash.Digest(), a.Digest)
	}
	if err != nil {
		return 0, errors.Join(err, w.Abort())
	}
	_, _, err = w.Commit()
	return n, err
}

// Push brings an entry and its blobs there, the entry last. Artifacts that this
// store has given up are left out; a store that lacks others is an error.
func (r *Remote) Push(ctx context.Context, from cache.Store, e cache.Entry, absent []string) (Moved, error) {
	var mu sync.Mutex
	var moved Moved
	var files []outputFile
	g, ctx2 := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, a := range blobsOf(e) {
		if slices.Contains(absent, a.Name) {
			continue
		}
		g.Go(func() error {
			size, sent, err := r.send(ctx2, from, a)
			if err != nil {
				return fmt.Errorf("sending %s of %s to %s: %w", a.Name, e.Key, r.url, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if sent {
				moved.add(size)
			}
			files = append(files, outputFile{path: a.Name, digest: a.Digest, size: size})
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return moved, err
	}
	slices.SortFunc(files, func(a, b outputFile) int { return strings.Compare(a.path, b.path) })
	text := r.trust.seal(r.Namespace(), e)
	entry := outputFile{path: entryFile, digest: cache.DigestOf(text), size: int64(len(text)), contents: text}
	if err := r.t.put(ctx, casName(entry.digest), bytesObject(text)); err != nil {
		return moved, fmt.Errorf("sending the entry %s to %s: %w", e.Key, r.url, err)
	}
	if err := r.t.put(ctx, acName(r.Namespace(), e.Key), bytesObject(encodeResult(append(files, entry)))); err != nil {
		return moved, fmt.Errorf("sending the result %s to %s: %w", e.Key, r.url, err)
	}
	return moved, nil
}

// send brings one blob there, if it is not.
func (r *Remote) send(ctx context.Context, from cache.Store, a cache.Artifact) (size int64, sent bool, err error) {
	there, err := r.t.has(ctx, casName(a.Digest))
	if err != nil {
		return 0, false, err
	}
	if a.Size < 0 { // documents are small
		raw, err := cache.ReadAll(ctx, from, a.Digest)
		if err != nil {
			return 0, false, err
		}
		a.Size = int64(len(raw))
	}
	if there {
		return a.Size, false, nil
	}
	return a.Size, true, r.t.put(ctx, casName(a.Digest), object{a.Digest, a.Size, func() (io.ReadCloser, error) { return from.Open(ctx, a.Digest) }})
}

func bytesObject(raw []byte) object {
	return object{cache.DigestOf(raw), int64(len(raw)), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }}
}
