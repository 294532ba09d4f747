package remote

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"ablate/cache"
)

// Server serves a local store over Bazel's HTTP cache protocol. Make one with
// NewServer.
type Server struct {
	o        ServerOptions
	trust    *trust
	limits   limits
	patience time.Duration // how long a client may stall
	guard    guard
}

// ServerOptions say what a Server serves, and to whom.
type ServerOptions struct {
	Store    *cache.Local
	Token    string // that clients must send; empty accepts everyone
	ReadOnly bool

	// Sign is a private key that signs the results that this machine vouches for.
	// Trust and TrustIn are the keys one of which must have signed a result that a
	// client writes, if there are any: programs on this machine use the store
	// without checking signatures. Results in other
	// namespaces than the default one are only read through a remote, which checks.
	Sign    string
	Trust   []string
	TrustIn map[string][]string

	// Check reports ingredients that are not those of an entry's key. Nil accepts
	// any.
	Check IngredientsCheck
}

// NewServer makes a server.
func NewServer(o ServerOptions) (*Server, error) {
	t, err := newTrust(o.Sign, o.Trust, o.TrustIn)
	if err != nil {
		return nil, err
	}
	return &Server{o: o, trust: t, limits: newLimits(), patience: Patience}, nil
}

// CheckListen refuses an address that other machines reach without a token.
func (s *Server) CheckListen(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not an address to listen at, such as 127.0.0.1:8080: %w", address, err)
	}
	ip := net.ParseIP(host)
	if s.o.Token == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%s can be reached from other machines, where everyone could read and write without a token: set ABLATE_REMOTE_TOKEN", address)
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w, r = paced(w, r, s.patience)
	if !s.authorized(r) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.Header().Set("Connection", "close") // who has no token keeps no connection
		http.Error(w, "send the header Authorization: Bearer TOKEN", http.StatusUnauthorized)
		return
	}
	s.guard.leave(r.RemoteAddr)
	if r.URL.Path == "/status" {
		fmt.Fprintln(w, `{"ablate":1}`)
		return
	}
	kind, hash, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	d, err := cache.ParseDigest("sha256:" + hash)
	if !ok || err != nil || kind != "ac" && kind != "cas" {
		http.Error(w, "the paths are /ac/HASH and /cas/HASH", http.StatusNotFound)
		return
	}
	release, ok := s.limits.requests.acquire()
	if !ok {
		tooMany(w)
		return
	}
	defer release()
	reply(w, s.handle(w, r, kind, d))
}

// authorized reports whether a request has the token as a bearer token.
func (s *Server) authorized(r *http.Request) bool {
	if s.o.Token == "" {
		return true
	}
	scheme, given, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return ok && strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare([]byte(given), []byte(s.o.Token)) == 1
}

// handle answers a request, or returns why it does not.
func (s *Server) handle(w http.ResponseWriter, r *http.Request, kind string, d cache.Digest) error {
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		if kind == "ac" {
			return s.getResult(w, r, cache.Key(d))
		}
		return s.getBlob(w, r, d)
	case r.Method != http.MethodPut:
		return statusError{http.StatusMethodNotAllowed, errors.New("the methods are GET, HEAD and PUT")}
	case s.o.ReadOnly:
		return statusError{http.StatusForbidden, errors.New("this cache is read-only")}
	case kind == "cas":
		return s.putBlob(r, d)
	}
	return s.putResult(r, cache.Key(d))
}

// statusError is the answer to a request that is not fulfilled.
type statusError struct {
	code int
	error
}

// Unwrap returns what is wrong.
func (e statusError) Unwrap() error { return e.error }

func refuse(err error) error { return statusError{http.StatusBadRequest, err} }

// reply maps an error to a status.
func reply(w http.ResponseWriter, err error) {
	var status statusError
	switch {
	case err == nil:
	case errors.Is(err, errAbsent):
		http.Error(w, "not found", http.StatusNotFound)
	case errors.As(err, &status) && status.code == http.StatusTooManyRequests:
		tooMany(w)
	case errors.As(err, &status):
		http.Error(w, status.Error(), status.code)
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

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
