package remote

import (
	"context"
	"io"
	"net/http"
	"time"
)

// What a server allows at once. Beyond these it answers 429 Too Many Requests,
// which clients retry, or lets connections wait.
const (
	maxConnections = 1024
	maxRequests    = 512 // each needs some tens of KiB
	maxResults     = 16  // that are written, each with up to maxResultSize
	maxCodecs      = 8   // compressing or decompressing, each with up to 16 MiB
)

// limits bound the memory of a server.
type limits struct {
	requests, results, codecs semaphore
}

func newLimits() limits {
	return limits{make(semaphore, maxRequests), make(semaphore, maxResults), make(semaphore, maxCodecs)}
}

// semaphore counts what is in progress.
type semaphore chan struct{}

// acquire does not wait. ok is false if the limit is reached.
func (s semaphore) acquire() (release func(), ok bool) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, true
	default:
		return nil, false
	}
}

// wait waits for a free place.
func (s semaphore) wait(ctx context.Context) (release func(), err error) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func tooMany(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, "too many requests at once", http.StatusTooManyRequests)
}

// paced lets a request last as long as it makes progress: a client that moves
// less than minProgress bytes in the given time is disconnected.
func paced(w http.ResponseWriter, r *http.Request, patience time.Duration) (http.ResponseWriter, *http.Request) {
	p := &pace{control: http.NewResponseController(w), patience: patience}
	p.extend()
	if r.Body != nil {
		body := r.Body
		r = r.WithContext(r.Context())
		r.Body = struct {
			io.Reader
			io.Closer
		}{readerFunc(func(b []byte) (int, error) { n, err := body.Read(b); p.moved(n); return n, err }), body}
	}
	return pacedWriter{w, p}, r
}

type readerFunc func([]byte) (int, error)

// Read implements io.Reader.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// pace extends the deadlines of a connection as bytes move.
type pace struct {
	control  *http.ResponseController
	patience time.Duration
	bytes    int
}

func (p *pace) moved(n int) {
	if p.bytes += n; p.bytes >= minProgress {
		p.bytes = 0
		p.extend()
	}
}

// extend sets deadlines where the connection has any; one in a test may not.
func (p *pace) extend() {
	until := time.Now().Add(p.patience)
	p.control.SetReadDeadline(until)
	p.control.SetWriteDeadline(until)
}

type pacedWriter struct {
	http.ResponseWriter
	p *pace
}

// Write implements io.Writer. Pieces are small, so that each of them can be
// written in time by a client that is just fast enough.
func (w pacedWriter) Write(b []byte) (written int, err error) {
	for len(b) > 0 {
		n, err := w.ResponseWriter.Write(b[:min(len(b), minProgress)])
		written += n
		w.p.moved(n)
		if err != nil {
			return written, err
		}
		b = b[n:]
	}
	return written, nil
}
