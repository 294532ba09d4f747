package cachetest

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// Wire is what lies between a client and a server of HTTP, and has faults.
type Wire struct {
	mu     sync.Mutex
	fault  Fault
	mended chan struct{} // closed when the fault goes
}

// Fault answers a request instead of the server, or spoils its answer. What
// waits gives up when mended is closed.
type Fault func(w http.ResponseWriter, r *http.Request, server http.Handler, mended <-chan struct{})

// To returns the server as it is seen through the wire.
func (x *Wire) To(server http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x.mu.Lock()
		fault, mended := x.fault, x.mended
		x.mu.Unlock()
		if fault == nil {
			server.ServeHTTP(w, r)
			return
		}
		fault(w, r, server, mended)
	})
}

// Break begins a fault in place of the last one; nil mends the wire.
func (x *Wire) Break(f Fault) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.mended != nil {
		close(x.mended)
	}
	x.fault, x.mended = f, make(chan struct{})
}

// objectName finds an object's name in an address of any of our remotes.
var objectName = regexp.MustCompile(`(ac|cas)(?:/|%2[Ff])(?:[0-9a-f]{2}(?:/|%2[Ff]))?([0-9a-f]{64})`)

// Spoil changes the objects that are read. nil takes one away.
func Spoil(change func(name string, raw []byte) []byte) Fault {
	return func(w http.ResponseWriter, r *http.Request, server http.Handler, _ <-chan struct{}) {
		m := objectName.FindStringSubmatch(r.URL.EscapedPath())
		if r.Method != http.MethodGet || m == nil {
			server.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		server.ServeHTTP(rec, r)
		raw := rec.Body.Bytes()
		if rec.Code == http.StatusOK {
			if raw = change(m[1]+"/"+m[2], bytes.Clone(raw)); raw == nil {
				http.Error(w, "", http.StatusNotFound)
				return
			}
		}
		maps.Copy(w.Header(), rec.Header())
		w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
		w.WriteHeader(rec.Code)
		w.Write(raw)
	}
}

// Refuse answers so many requests with a status; below 0, all of them.
func Refuse(code, times int, retryAfter string) Fault {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request, server http.Handler, _ <-chan struct{}) {
		mu.Lock()
		pass := times == 0
		if times > 0 {
			times--
		}
		mu.Unlock()
		if pass {
			server.ServeHTTP(w, r)
			return
		}
		io.Copy(io.Discard, r.Body)
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(code)
	}
}

// Page answers everything with a web page, as a login page does.
func Page(w http.ResponseWriter, r *http.Request, _ http.Handler, _ <-chan struct{}) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	io.WriteString(w, "<html>Please log in.</html>")
}

// Hang takes requests and never answers.
func Hang(_ http.ResponseWriter, r *http.Request, _ http.Handler, mended <-chan struct{}) {
	io.Copy(io.Discard, r.Body) // else a client that leaves is not noticed
	select {
	case <-r.Context().Done():
	case <-mended:
	}
	panic(http.ErrAbortHandler)
}

// Dribble begins every answer, and goes on a byte now and then.
func Dribble(w http.ResponseWriter, r *http.Request, server http.Handler, mended <-chan struct{}) {
	rec := httptest.NewRecorder()
	server.ServeHTTP(rec, r)
	maps.Copy(w.Header(), rec.Header())
	w.Header().Set("Content-Length", "1000000")
	w.WriteHeader(rec.Code)
	for {
		select {
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		case <-mended:
			panic(http.ErrAbortHandler)
		case <-time.After(time.Millisecond):
			w.Write([]byte("x"))
			w.(http.Flusher).Flush()
		}
	}
}

// BreakOff closes the connection in the middle of what is read.
func BreakOff(w http.ResponseWriter, r *http.Request, server http.Handler, _ <-chan struct{}) {
	if r.Method != http.MethodGet || !objectName.MatchString(r.URL.EscapedPath()) {
		server.ServeHTTP(w, r)
		return
	}
	rec := httptest.NewRecorder()
	server.ServeHTTP(rec, r)
	maps.Copy(w.Header(), rec.Header())
	w.Header().Set("Content-Length", strconv.Itoa(rec.Body.Len()))
	w.WriteHeader(rec.Code)
	w.Write(rec.Body.Bytes()[:rec.Body.Len()/2])
	panic(http.ErrAbortHandler)
}
