package remote

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"ablate/cache"

	"golang.org/x/net/netutil"
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

// Serve answers requests on a listener until ctx ends, and then gives requests
// in progress a moment to finish.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	l = s.guarded(l)
	const header, idle, drain = 10 * time.Second, 2 * time.Minute, 5 * time.Second
	server := &http.Server{Handler: s, ReadHeaderTimeout: header, IdleTimeout: idle, MaxHeaderBytes: 16 << 10}
	drained := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(drained)
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		if server.Shutdown(end) != nil {
			server.Close()
		}
	})
	err := server.Serve(netutil.LimitListener(l, maxConnections))
	if !stop() { // the server stopped listening, but may still answer
		<-drained
	}
	if err == http.ErrServerClosed {
		return nil
	}
	return err
}
