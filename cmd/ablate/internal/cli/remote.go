package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/cache/remote"
	"ablate/cmd/ablate/internal/view"
	"ablate/hcl"
	"ablate/hcl/diag"
	"ablate/hcl/study"
	"ablate/pipeline/action"
	"ablate/pipeline/source"
)

// openRemote connects to the remote behind the store. It returns nil where none is
// configured, or with --offline. refused is called for each result that is not
// accepted from the remote; without it, that is an error.
func (s *session) openRemote(ctx context.Context, refused func(error)) (*remote.Remote, error) {
	c, err := s.config()
	if err != nil || c.Remote.URL == "" || s.offline {
		return nil, err
	}
	if err := errors.Join(s.knowsTrust(), s.apart(c.Remote.URL)); err != nil {
		return nil, err
	}
	o := remote.Options{
		URL: c.Remote.URL, Token: s.token(c.Remote.URL), Namespace: c.Remote.Namespace, Read: c.Remote.Read,
		Trust: c.Trust, TrustIn: c.TrustIn, Refused: refused, Check: action.CheckIngredients,
	}
	if o.Sign, err = signingKey(c); err != nil {
		return nil, err
	}
	r, err := remote.Open(ctx, o)
	if err != nil {
		return nil, unusableError{err}
	}
	return r, nil
}

// knowsTrust returns an error where the user's configuration cannot be looked for: it
// may name the keys whose results are trusted, and without it every result would be.
func (s *session) knowsTrust() error {
	if s.unconfigured != nil {
		return fmt.Errorf("it is not known whose results you trust: %w", s.unconfigured)
	}
	return nil
}

// apart returns an error for a remote that is the store itself, or a folder of it: what
// is shared would be garbage to the store, and damage in one would be in both.
func (s *session) apart(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "file" {
		return nil // opening the remote reports what is wrong
	}
	dir, err := s.storeDir()
	if err != nil {
		return err
	}
	store, err := os.Stat(dir)
	if err != nil {
		return nil // it is made with the first result
	}
	for at := filepath.Clean(filepath.FromSlash(u.Path)); ; at = filepath.Dir(at) {
		if info, err := os.Stat(at); err == nil && os.SameFile(info, store) {
			return fmt.Errorf("the remote %s is in the folder of the store, %s: name another folder, or leave the remote out", u.Redacted(), dir)
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

// signingKey reads the private key that a configuration names; "" where it names
// none.
func signingKey(c hcl.Config) (string, error) {
	if c.Remote.Sign == "" {
		return "", nil
	}
	raw, err := fsys.ReadRegular(c.Remote.Sign, maxFile)
	if err != nil {
		return "", fmt.Errorf("reading the key that sign names in a remote block: %w: create keys with ablate cache keygen", err)
	}
	return strings.TrimSpace(string(raw)), nil
}

// unusableError says that the remote cannot be used. Most commands work without it.
type unusableError struct{ error }

// Error implements error.
func (e unusableError) Error() string { return e.error.Error() + "\nUse --offline to work without it" }

// refusals collects the results that were not accepted from the remote since the
// last warning.
type refusals struct {
	mu   sync.Mutex
	list []error
	seen map[string]bool // a run asks for most results more than once
}

func (r *refusals) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[err.Error()] {
		return
	}
	if r.seen == nil {
		r.seen = make(map[string]bool)
	}
	r.seen[err.Error()] = true
	r.list = append(r.list, err)
}

// warnings names the first few refusals, each only once in a session.
func (r *refusals) warnings() diag.List {
	r.mu.Lock()
	defer r.mu.Unlock()
	const named = 3
	var out diag.List
	for i, err := range r.list {
		if i == named {
			out = append(out, diag.Warningf(nil, "Refused", "%s more from the remote are refused for similar reasons.", view.Count(len(r.list)-named, "result"))...)
			break
		}
		out = append(out, diag.Warningf(nil, "Refused", "%v. It is treated as missing.", err)...)
	}
	r.list = nil
	return out
}

// remoteSources reads a study's files, and the remote sources that its lock pins.
func remoteSources(dir string, lock hcl.Lock, stats *cache.StatCache, store cache.Store) source.Pinned {
	p := source.Pinned{Folder: source.Folder{Dir: dir}, Store: store,
		Pins: make(map[string]study.Pin, len(lock.Pins)), Client: http.DefaultClient}
	if stats != nil {
		p.Cache = stats
	}
	p.SizeLine = lock.SizeLine
	for _, pin := range lock.Pins {
		p.Pins[pin.Source] = pin
	}
	return p
}
