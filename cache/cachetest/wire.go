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

// Wire is a network between an HTTP client and a server that can have faults.
type Wire struct {
	mu     sync.Mutex
	fault  Fault
	mended chan struct{} // closed when the fault ends
}

// Fault answers a request in place of the server, or changes its answer. It must
// return when mended is closed.
type Fault func(w http.ResponseWriter, r *http.Request, server http.Handler, mended <-chan struct{})

// To returns the server as clients see it through the wire.
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

// Break starts a fault in place of the current one. Nil ends it.
func (x *Wire) Break(f Fault) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.mended != nil {
		close(x.mended)
	}
	x.fault, x.mended = f, make(chan struct{})
}

// objectName finds the name of an object in an address of any remote.
var objectName = regexp.MustCompile(`(ac|cas)(?:/|%2[Ff])(?:[0-9a-f]{2}(?:/|%2[Ff]))?([0-9a-f]{64})`)

// Spoil changes the objects that are read. A nil object is missing.
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

// First is a fault of the first request for each object.
func First(f Fault) Fault {
	var asked sync.Map
	return func(w http.ResponseWriter, r *http.Request, server http.Handler, mended <-chan struct{}) {
		if _, again := asked.LoadOrStore(r.Method+r.URL.Path, true); again {
			server.ServeHTTP(w, r)
			return
		}
		f(w, r, server, mended)
	}
}

// Refuse answers that many requests with a status, or all if times is negative.
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

// Page answers every request with a web page.
func Page(w http.ResponseWriter, r *http.Request, _ http.Handler, _ <-chan struct{}) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	io.WriteString(w, "<html>Please log in.</html>")
}

// Hang accepts requests and never answers.
func Hang(_ http.ResponseWriter, r *http.Request, _ http.Handler, mended <-chan struct{}) {
	io.Copy(io.Discard, r.Body) // otherwise a client that leaves is not noticed
	select {
	case <-r.Context().Done():
	case <-mended:
	}
	panic(http.ErrAbortHandler)
}

// Dribble starts every answer and sends a byte now and then.
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

// BreakOff closes the connection in the middle of an object.
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
	w.(http.Flusher).Flush() // otherwise the client gets no answer, and asks again
	panic(http.ErrAbortHandler)
}
