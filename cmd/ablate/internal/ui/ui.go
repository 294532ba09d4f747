// Package ui serves a page that shows the studies of a store while they run: the
// grid of trials, their loss curves, the plan with its reasons and the answers of
// analyses.
//
// The page only reads. What happens in a run comes from the journals that runs
// leave in the store, so it does not matter which process runs a study, or when it
// started. What is cached comes from the entries. Plans come from a function that
// the command hands over; without one, the page shows what the journals tell.
//
// Each request needs a cookie, which a browser gets in exchange for the token in
// the address that the command prints. See guard.go.
package ui

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"ablate/cache"
)

// Options say what a server shows, and where.
type Options struct {
	Store  *cache.Local
	Listen string                                 // host:port; port 0 is any free one
	Plan   func(context.Context) (Planned, error) // of the study at hand; may be nil
}

// Server serves the page.
type Server struct {
	listener net.Listener
	guard    *guard
	board    *board
	plan     func(context.Context) (Planned, error)
	curves   *curveReader
	store    *cache.Local
	page     page
}

// New opens the port. The server answers once Serve runs.
func New(o Options) (*Server, error) {
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("--listen: must be HOST:PORT, not %q", o.Listen)
	}
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listening: %w; choose another port with --listen, or 0 for any free one", err)
	}
	b := newBoard(o.Store)
	b.read(time.Now()) // so that the first answer is complete
	return &Server{
		listener: l, guard: newGuard(host, l.Addr().(*net.TCPAddr)), board: b,
		plan: o.Plan, curves: &curveReader{store: o.Store}, store: o.Store, page: assemble(),
	}, nil
}

// URL is the address of the page, with the token.
func (s *Server) URL() string { return s.guard.url() }

// Loopback reports whether only programs on this machine can reach the server.
func (s *Server) Loopback() bool { return s.guard.addr.IP.IsLoopback() }

// Serve answers requests until the context ends.
func (s *Server) Serve(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { s.follow(ctx); return nil })
	if s.plan != nil {
		g.Go(func() error { s.replan(ctx); return nil })
	}
	web := &http.Server{
		Handler:           s.guard.wrap(s.routes()),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	g.Go(func() error {
		if err := web.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving the page: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		return web.Close()
	})
	return g.Wait()
}

// Intervals of the loops below.
const (
	journalPoll = 300 * time.Millisecond // between two reads of the journals
	watchedPoll = 30 * time.Millisecond  // the same while a page is open
	planPoll    = time.Second            // between two looks for a reason to plan again
	planAge     = 30 * time.Second       // after which edits of the study are looked for
)

// follow reads what runs append to their journals.
func (s *Server) follow(ctx context.Context) {
	for {
		started := time.Now()
		s.board.read(started)
		pause := journalPoll
		if s.board.watched() {
			const share = 20 // of the time, on a slow file system
			pause = min(pause, max(watchedPoll, share*time.Since(started)))
		}
		if sleep(ctx, pause) != nil {
			return
		}
	}
}

// replan plans the study at hand at the start, after results were published, and
// now and then while a page is open, to notice edits of the study.
func (s *Server) replan(ctx context.Context) {
	for {
		started := time.Now()
		s.board.usePlan(ctx, s.plan)
		took := time.Since(started)
		for s.board.planCurrent() && !(s.board.watched() && time.Since(started) > max(planAge, 20*took)) {
			if sleep(ctx, planPoll) != nil {
				return
			}
		}
		if sleep(ctx, max(planPoll, 2*took)) != nil {
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
