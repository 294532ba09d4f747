package remote

import (
	"bufio"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"ablate/cache"
)

// Server serves a local store in Bazel's HTTP cache protocol.
type Server struct {
	Store    *cache.Local
	Token    string // empty: everybody may
	ReadOnly bool

	trust trust // none: nobody is asked for a signature, and none is given
}

// Trust makes the server sign the results of its own machine, where it is given
// a private key, and refuse results that none of the other keys has signed: who
// uses the store on this machine takes what is in it, and asks for no signature.
// That does not hold for namespaces other than the default one: results there
// are read through a remote, which asks.
func (s *Server) Trust(sign string, keys []string, within map[string][]string) error {
	t, err := newTrust(sign, keys, within)
	if err == nil {
		s.trust = *t
	}
	return err
}

// CheckListen refuses an address beyond this machine without a token.
func (s Server) CheckListen(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is no address to listen at, such as 127.0.0.1:8080: %w", address, err)
	}
	ip := net.ParseIP(host)
	if s.Token == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%s can be reached from other machines, and without a token anybody there could read and write: set ABLATE_REMOTE_TOKEN", address)
	}
	return nil
}

// maxPut is the largest blob that is taken.
const maxPut = 1 << 40

// ServeHTTP implements http.Handler.
func (s Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Token != "" {
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(given), []byte(s.Token)) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "a bearer token is wanted", http.StatusUnauthorized)
			return
		}
	}
	if r.URL.Path == "/status" {
		fmt.Fprintln(w, `{"ablate":1}`)
		return
	}
	kind, hash, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	d, err := cache.ParseDigest("sha256:" + hash)
	if !ok || err != nil || kind != "ac" && kind != "cas" {
		http.Error(w, "there is /ac/HASH and /cas/HASH", http.StatusNotFound)
		return
	}
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		err = s.get(w, r, kind, d)
	case r.Method != http.MethodPut:
		http.Error(w, "there is GET, HEAD and PUT", http.StatusMethodNotAllowed)
		return
	case s.ReadOnly:
		http.Error(w, "this cache is read-only", http.StatusForbidden)
		return
	case kind == "cas":
		err = s.putBlob(r, d)
	default:
		err = s.putResult(r, cache.Key(d))
	}
	var refused refusedError
	switch {
	case errors.Is(err, errAbsent):
		http.Error(w, "not found", http.StatusNotFound)
	case errors.As(err, &refused):
		http.Error(w, refused.Error(), http.StatusBadRequest)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// refusedError says what is wrong with a request.
type refusedError struct{ error }

func (s Server) get(w http.ResponseWriter, r *http.Request, kind string, d cache.Digest) error {
	var body io.ReadCloser
	if kind == "ac" {
		raw, err := s.result(r, cache.Key(d))
		if err != nil {
			return err
		}
		body = io.NopCloser(strings.NewReader(string(raw)))
	} else {
		var err error
		if body, err = s.Store.Open(r.Context(), d); err != nil {
			if d == cache.DigestOf(nil) {
				return nil // the empty blob is always there
			}
			return errAbsent // also a damaged one: it has been moved aside
		}
	}
	defer body.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := io.Copy(w, body); err != nil {
		panic(http.ErrAbortHandler) // too late for another status; the client sees a broken answer
	}
	return nil
}

// result is what came from elsewhere, or is made from the store's entry.
func (s Server) result(r *http.Request, k cache.Key) ([]byte, error) {
	found, err := s.Store.Lookup(r.Context(), k)
	if err != nil {
		return nil, err
	}
	if !found[0].OK {
		return nil, errAbsent
	}
	if raw, ok, err := s.Store.Sealed(k); ok || err != nil {
		return raw, err
	}
	e := found[0].Entry
	var files []outputFile
	for _, a := range blobsOf(e) {
		if a.Size < 0 {
			raw, err := cache.ReadAll(r.Context(), s.Store, a.Digest)
			if err != nil {
				return nil, errAbsent
			}
			a.Size = int64(len(raw))
		}
		files = append(files, outputFile{path: a.Name, digest: a.Digest, size: a.Size})
	}
	text := s.trust.seal("", e)
	return encodeResult(append(files, outputFile{path: entryFile, digest: cache.DigestOf(text), size: int64(len(text)), contents: text})), nil
}

func (s Server) putBlob(r *http.Request, want cache.Digest) error {
	body := bufio.NewReader(io.LimitReader(r.Body, maxPut))
	const sniff = 512
	head, _ := body.Peek(sniff) // shorter blobs end here
	media := "application/octet-stream"
	if strings.HasPrefix(http.DetectContentType(head), "text/") {
		media = "text/plain" // is packed at rest
	}
	w, err := s.Store.Create(r.Context(), media)
	if err != nil {
		return err
	}
	hash := cache.NewDigester()
	if _, err := io.Copy(io.MultiWriter(w, hash), body); err != nil {
		return errors.Join(err, w.Abort())
	}
	if hash.Digest() != want {
		return errors.Join(refusedError{fmt.Errorf("the bytes have the digest %s", hash.Digest())}, w.Abort())
	}
	_, _, err = w.Commit()
	return err
}

func (s Server) putEmpty(r *http.Request) error {
	w, err := s.Store.Create(r.Context(), "application/octet-stream")
	if err != nil {
		return err
	}
	_, _, err = w.Commit()
	return err
}

// putResult takes an entry whose blobs are here, but for artifacts that the
// client says it has not sent: they count as evicted. The first one stays.
func (s Server) putResult(r *http.Request, k cache.Key) error {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxResult+1))
	if err != nil {
		return err
	}
	text, _, err := entryOf(raw)
	if err != nil {
		return refusedError{err}
	}
	sent, err := decodeResult(raw)
	if err != nil {
		return refusedError{err}
	}
	given, err := unseal(text)
	switch {
	case err != nil:
		return refusedError{err}
	case placeOf(given.namespace, given.entry.Key) != k:
		return refusedError{fmt.Errorf("the entry is that of %s in %s", given.entry.Key, inNamespace(given.namespace))}
	}
	if s.trust.asked && given.namespace == "" {
		if _, err := s.trust.open("", text); err != nil {
			return refusedError{err}
		}
	}
	e := given.entry
	e.Key = k // else the store would take a namespace's result for its own
	var evicted []string
	for _, a := range blobsOf(e) {
		if a.Digest == cache.DigestOf(nil) { // always said to be there, so nobody sends it
			if err := s.putEmpty(r); err != nil {
				return err
			}
		}
	}
	for _, a := range e.Artifacts {
		if !slices.ContainsFunc(sent, func(f outputFile) bool { return f.path == a.Name }) {
			evicted = append(evicted, a.Name)
		}
	}
	won, err := s.Store.Import(r.Context(), e, evicted...)
	if err != nil {
		return refusedError{err}
	}
	if won.Same(e) {
		return s.Store.PutSealed(k, raw)
	}
	return nil
}
