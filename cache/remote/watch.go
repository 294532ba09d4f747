package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Patience is how long a transfer may stall. A transfer that moves less than
// minProgress bytes in that time is aborted, so that a peer which sends a byte now
// and then blocks nothing.
const Patience = time.Minute

const minProgress = 64 << 10

// Watch opens a stream from another machine, and aborts it if it stalls for the
// limit while it is opened or read.
func Watch(ctx context.Context, limit time.Duration, open func(context.Context) (io.ReadCloser, error)) (io.ReadCloser, error) {
	ctx, d := watch(ctx, limit)
	r, err := open(ctx)
	if err != nil {
		return nil, d.end(err)
	}
	return &watchedBody{r, d}, nil
}

// FailedError reports that a remote failed. That it lacks an object, or has a
// wrong one, is not such a failure.
type FailedError struct{ Err error }

func (e *FailedError) Error() string { return e.Err.Error() }

// Unwrap returns the failure.
func (e *FailedError) Unwrap() error { return e.Err }

func failed(err error) error {
	var bad badError
	if err == nil || errors.Is(err, errAbsent) || errors.As(err, &bad) {
		return err
	}
	return &FailedError{err}
}

// watched is a transport whose operations end whatever the peer does. Only a call of
// the file system that hangs cannot be ended.
type watched struct {
	transport
	limit time.Duration
}

func (w watched) get(ctx context.Context, name string) (io.ReadCloser, error) {
	return Watch(ctx, w.limit, func(ctx context.Context) (io.ReadCloser, error) { return w.transport.get(ctx, name) })
}

func (w watched) has(ctx context.Context, name string, size int64) (bool, error) {
	ctx, d := watch(ctx, w.limit)
	ok, err := w.transport.has(ctx, name, size)
	return ok, d.end(err)
}

func (w watched) put(ctx context.Context, name string, o object) error {
	ctx, d := watch(ctx, w.limit)
	from := &source{open: o.open}
	o.open = func() (io.ReadCloser, error) {
		r, err := from.open()
		if err != nil {
			from.note(err)
			return nil, err
		}
		return &sourceBody{moving(ctx, r), r, from}, nil
	}
	err := d.end(w.transport.put(ctx, name, o))
	if broken := from.failure(); err != nil && broken != nil {
		return broken // not the remote's fault
	}
	return err
}

// source records how reading the bytes of a transfer failed.
type source struct {
	open func() (io.ReadCloser, error)

	mu  sync.Mutex
	err error
}

func (s *source) note(err error) {
	if err == nil || errors.Is(err, io.EOF) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *source) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

type sourceBody struct {
	io.Reader
	io.Closer
	from *source
}

// Read implements io.Reader.
func (b *sourceBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.from.note(err)
	return n, err
}

func (w watched) check(ctx context.Context) error {
	ctx, d := watch(ctx, w.limit)
	return d.end(w.transport.check(ctx))
}

// watchdog aborts one operation if it stalls.
type watchdog struct {
	ctx    context.Context
	limit  time.Duration
	cancel context.CancelCauseFunc
	timer  *time.Timer

	mu    sync.Mutex
	bytes int // since the timer began
}

type watchdogKey struct{}

func watch(ctx context.Context, limit time.Duration) (context.Context, *watchdog) {
	d := &watchdog{limit: limit}
	ctx, d.cancel = context.WithCancelCause(ctx)
	d.ctx = context.WithValue(ctx, watchdogKey{}, d)
	d.timer = time.AfterFunc(limit, func() { d.cancel(errStalled) })
	return d.ctx, d
}

var errStalled = errors.New("timed out")

// moved records transferred bytes.
func (d *watchdog) moved(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bytes += n; d.bytes >= minProgress {
		d.bytes = 0
		d.timer.Reset(d.limit)
	}
}

// explain replaces the error of an operation that was aborted.
func (d *watchdog) explain(err error) error {
	if err != nil && errors.Is(context.Cause(d.ctx), errStalled) {
		err = fmt.Errorf("%w: almost no data transferred for %v; the server or the network is down or far too slow", errStalled, d.limit)
	} else if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("the transfer ended in the middle: %w", err)
	}
	return failed(err)
}

func (d *watchdog) end(err error) error {
	err = d.explain(err)
	d.timer.Stop()
	d.cancel(nil)
	return err
}

// watchedBody is an object that is being read.
type watchedBody struct {
	io.ReadCloser
	d *watchdog
}

// Read implements io.Reader.
func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.d.moved(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.d.explain(err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *watchedBody) Close() error { return b.d.end(b.ReadCloser.Close()) }

// moving reports what is read from r to the watchdog of an operation.
func moving(ctx context.Context, r io.Reader) io.Reader {
	d, ok := ctx.Value(watchdogKey{}).(*watchdog)
	if !ok {
		return r
	}
	if s, ok := r.(io.ReadSeeker); ok {
		return movingSeeker{movingReader{r, d}, s}
	}
	return movingReader{r, d}
}

type movingReader struct {
	io.Reader
	d *watchdog
}

// Read implements io.Reader.
func (m movingReader) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.d.moved(n)
	return n, err
}

// movingSeeker can be read again when a transfer is retried.
type movingSeeker struct {
	movingReader
	io.Seeker
}
