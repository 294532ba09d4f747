package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"ablate/cache"
)

// Options say how a remote is used.
type Options struct {
	URL   string
	Token string // a bearer token, over HTTP
	Sign  string // a private key from Keygen that signs the entries that are pushed

	// Namespace is where entries are written, and looked up first. Those of Read
	// follow, in order. "" is the default namespace. All of them share blobs.
	Namespace string
	Read      []string

	// Trust holds public keys, TrustIn those that count in one namespace only. If
	// there are any, entries that none of them signed are refused.
	Trust   []string
	TrustIn map[string][]string

	// Check reports ingredients that are not those of an entry's key. Nil accepts
	// any.
	Check IngredientsCheck

	// Refused is called with answers that are refused and count as misses:
	// damaged ones, and those without a trusted signature. If it is nil they
	// are errors. It may be called by several goroutines at once.
	Refused func(error)
}

// IngredientsCheck reports ingredients whose hash is not the key of their entry.
type IngredientsCheck func(e cache.Entry, ingredients []byte) error

// RefusedError reports that the entry that a remote has for a key is refused.
type RefusedError struct {
	Remote    string
	Namespace string
	Key       cache.Key
	Err       error
}

func (e *RefusedError) Error() string {
	in := ""
	if e.Namespace != "" {
		in = " in " + namespaceText(e.Namespace)
	}
	return fmt.Sprintf("the entry of %s%s at %s was refused: %v", e.Key, in, e.Remote, e.Err)
}

// Unwrap returns the reason.
func (e *RefusedError) Unwrap() error { return e.Err }

// Remote is a store on other machines.
type Remote struct {
	url        string // without a password
	t          transport
	trust      *trust
	namespaces []string // the first is written to
	ingredient IngredientsCheck
	refused    func(error)
}

// Open connects to a remote. It refuses one that is not a cache.
func Open(ctx context.Context, o Options) (*Remote, error) { return open(ctx, o, Patience) }

// open is Open with a limit for how long the remote may stall.
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
		return nil, fmt.Errorf("cannot use the remote %s: %w", redact(o.URL), err)
	}
	r := &Remote{url: redact(o.URL), t: t, trust: trust, ingredient: o.Check, refused: o.Refused}
	r.namespaces = append([]string{o.Namespace}, o.Read...)
	return r, nil
}

// URL is the remote's address, without a password.
func (r *Remote) URL() string { return r.url }

// Namespace is the one that entries are written to.
func (r *Remote) Namespace() string { return r.namespaces[0] }

// String names the remote and the namespace that is written to.
func (r *Remote) String() string {
	if ns := r.Namespace(); ns != "" {
		return r.url + ", " + namespaceText(ns)
	}
	return r.url
}

// concurrency is how many objects are transferred at a time.
const concurrency = 16

// maxResultSize bounds an ActionResult and the entry in it.
const maxResultSize = 4 << 20

// Find looks keys up, in order. A miss is nil. An entry whose signature was
// required and checked is cache.Verified.
func (r *Remote) Find(ctx context.Context, keys ...cache.Key) ([]*cache.Entry, error) {
	out := make([]*cache.Entry, len(keys))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for i, k := range keys {
		g.Go(func() error {
			e, err := r.find(ctx, k)
			if err != nil {
				return fmt.Errorf("looking up %s at %s: %w", k, r.url, err)
			}
			out[i] = e
			return nil
		})
	}
	return out, g.Wait()
}

// find looks into one namespace after the other. A key that is refused in one
// may be found in the next.
func (r *Remote) find(ctx context.Context, k cache.Key) (*cache.Entry, error) {
	for _, ns := range r.namespaces {
		e, _, err := r.findIn(ctx, ns, k)
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

// findIn looks into one namespace, and also returns whether what it found is signed.
func (r *Remote) findIn(ctx context.Context, ns string, k cache.Key) (e *cache.Entry, signed bool, err error) {
	refuse := func(err error) (*cache.Entry, bool, error) {
		return nil, false, &RefusedError{Remote: r.url, Namespace: ns, Key: k, Err: err}
	}
	text, err := r.entryText(ctx, ns, k)
	var bad badError
	switch {
	case errors.Is(err, errAbsent):
		return nil, false, nil
	case errors.As(err, &bad):
		return refuse(bad.error)
	case err != nil:
		return nil, false, err
	}
	opened, err := r.trust.open(ns, text)
	if err != nil {
		return refuse(err)
	}
	if opened.Key != k {
		return refuse(fmt.Errorf("it is the entry of %s", opened.Key))
	}
	if err := opened.Check(); err != nil {
		return refuse(err)
	}
	return &opened, isSigned(text), nil
}

// badError reports an object that does not hold what it should.
type badError struct{ error }

// Unwrap returns the reason.
func (e badError) Unwrap() error { return e.error }

// entryText is the sealed entry of a key: inline in its result, or an object of
// its own. Without a result it is errAbsent.
func (r *Remote) entryText(ctx context.Context, ns string, k cache.Key) (text []byte, err error) {
	var digest cache.Digest
	err = r.small(ctx, acName(ns, k), func(raw []byte) (err error) {
		text, digest, err = entryOf(raw)
		return err
	})
	if err != nil || len(text) > 0 {
		return text, err
	}
	err = r.small(ctx, casName(digest), func(raw []byte) error {
		if text = raw; cache.DigestOf(raw) != digest {
			return errors.New("its entry was damaged there or on the way")
		}
		return nil
	})
	if errors.Is(err, errAbsent) {
		err = badError{errors.New("it names an entry that is missing there")}
	}
	return text, err
}

// small reads an object of bounded size. What check reports is a badError.
func (r *Remote) small(ctx context.Context, name string, check func(raw []byte) error) error {
	return r.receive(ctx, name, func(body io.Reader) error {
		raw, err := io.ReadAll(io.LimitReader(body, maxResultSize+1))
		if err != nil {
			return err
		}
		if len(raw) > maxResultSize {
			err = errors.New("it is larger than any result")
		} else {
			err = check(raw)
		}
		if err != nil {
			return badError{err}
		}
		return nil
	})
}

// receive reads an object. It does so again if the transfer breaks off, or read returns a
// badError: to compute what the object holds may take days.
func (r *Remote) receive(ctx context.Context, name string, read func(body io.Reader) error) error {
	const tries = 3
	for try := 1; ; try++ {
		body, err := r.t.get(ctx, name)
		if err != nil {
			return err // the transport has tried again
		}
		err = read(body)
		body.Close()
		var broken *FailedError
		var bad badError
		if !errors.As(err, &broken) && !errors.As(err, &bad) || errors.Is(err, errStalled) || try == tries {
			return err
		}
	}
}

// Transfer counts what was moved.
type Transfer struct {
	Entries int // that a push sent
	Blobs   int
	Bytes   int64
}

// Add sums transfers up.
func (t *Transfer) Add(other Transfer) {
	t.Entries, t.Blobs, t.Bytes = t.Entries+other.Entries, t.Blobs+other.Blobs, t.Bytes+other.Bytes
}
