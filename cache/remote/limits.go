package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/net/netutil"

	"ablate/cache"
)

// What a server allows at once. Beyond these it answers 429 Too Many Requests,
// which clients retry, or lets connections wait.
const (
	maxConnections = 1024
	maxRequests    = 512 // each needs some tens of KiB
	maxResults     = 16  // that are written, each with up to maxResultSize
	maxCodecs      = 8   // compressing or decompressing, each with up to 16 MiB
)

// maxSpoolInMemory is the plain size of a compressed blob up to which it is
// decompressed in memory, and not into a temporary file.
const maxSpoolInMemory = 64 << 10

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

// open opens a blob for a client that may be slow. Uncompressed blobs are
// streamed and verified on the way. Compressed ones are verified and decompressed
// first, a few at a time, because every decompressor takes megabytes for as long
// as its client reads.
func (l limits) open(ctx context.Context, store *cache.Local, d cache.Digest) (io.ReadCloser, error) {
	body, compressed, err := store.Stream(ctx, d)
	if err != nil {
		return nil, absent(err)
	}
	if !compressed {
		return body, nil
	}
	body.Close()
	release, err := l.codecs.wait(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if body, _, err = store.Stream(ctx, d); err != nil {
		return nil, absent(err)
	}
	defer body.Close()
	return spool(body)
}

// absent replaces the error for a blob that is missing, or was damaged and moved
// aside. Others may pass: a client that was told "not found" would not try again.
func absent(err error) error {
	var damaged *cache.DamagedError
	if errors.Is(err, fs.ErrNotExist) || errors.As(err, &damaged) {
		return errAbsent
	}
	return err
}

// spool reads everything into memory, or into a temporary file if it is large.
func spool(from io.Reader) (io.ReadCloser, error) {
	var head bytes.Buffer
	if _, err := io.CopyN(&head, from, maxSpoolInMemory); err != nil {
		if err != io.EOF {
			return nil, absent(err)
		}
		return io.NopCloser(&head), nil
	}
	f, err := os.CreateTemp("", "ablate-serve-*")
	if err != nil {
		return nil, err
	}
	t := &tempFile{f}
	if _, err = io.Copy(f, io.MultiReader(&head, from)); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		t.Close()
		return nil, absent(err)
	}
	return t, nil
}

// tempFile is removed when it is closed.
type tempFile struct{ *os.File }

// Close implements io.Closer.
func (t *tempFile) Close() error {
	err := t.File.Close()
	os.Remove(t.Name()) // a leftover is harmless
	return err
}

// Serve answers requests on a listener until ctx ends, and then gives requests
// in progress a moment to finish.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
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
