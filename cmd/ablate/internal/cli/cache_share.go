package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ablate/cache/remote"
	"ablate/pipeline"
	"ablate/pipeline/planner"
)

// sharing opens the study, its plan and the remote that must be there.
func (g *globals) sharing(ctx context.Context) (*workspace, *planner.Plan, error) {
	if g.offline {
		return nil, nil, errors.New("--offline asks no remote, and that is all that push and pull do: leave it out")
	}
	w, plan, err := g.planned(ctx)
	var unusable unusableError
	if errors.As(err, &unusable) {
		err = unusable.error
	}
	if err == nil && w.remote == nil {
		err = errors.New("there is no remote: name one with ABLATE_REMOTE or in a configuration file")
	}
	if err == nil {
		g.view().Diagnostics(plan.Warnings) // such as what is refused, and so is not pulled
	}
	return w, plan, err
}

func (g *globals) cachePushCommand() *cobra.Command {
	var results bool
	c := &cobra.Command{
		Use: "push", Short: "Send the study's results to the remote",
		Long: "push sends every cached result of the study, or of what --target selects, that the remote\n" +
			"lacks. What was cut short goes on where it was: blobs that are there are not sent again.\n" +
			"With --results only what was measured and concluded is sent. Who pulls it has every number\n" +
			"without training, and prepares the data anew from its sources." + codes("3 something could not be sent"),
		Example: "  ablate cache push --target 'norm=derf.*'\n  ABLATE_REMOTE=file:///tmp/bundle ablate cache push --results",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			w, plan, err := g.sharing(ctx)
			if err != nil {
				return err
			}
			sent := func(s *planner.Task) bool { return s.Status == planner.Hit && !(results && s.Role == pipeline.Data) }
			return g.transfer(ctx, plan, sent, "pushed", w.remote, func(ctx context.Context, s *planner.Task) (remote.Moved, error) {
				var without []string
				for _, a := range s.Entry.Artifacts {
					if results && evictable(s.Entry, a.Name) {
						without = append(without, a.Name)
					}
				}
				return remote.PushEntry(ctx, w.store, w.remote, s.Entry, without...)
			})
		},
	}
	c.Flags().BoolVar(&results, "results", false, "leave out checkpoints and prepared data")
	g.targetFlag(c)
	return c
}

func (g *globals) cachePullCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "pull", Short: "Bring the study's results here from the remote",
		Long: "pull brings what the remote has of the study, or of what --target selects. run does so by\n" +
			"itself for what it needs." + codes("3 something could not be brought"),
		Example: "  ablate cache pull",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			w, plan, err := g.sharing(ctx)
			if err != nil {
				return err
			}
			away := func(s *planner.Task) bool { return s.Status == planner.Pull }
			return g.transfer(ctx, plan, away, "pulled", w.remote, func(ctx context.Context, s *planner.Task) (remote.Moved, error) {
				return w.remote.Pull(ctx, w.store, s.Entry, func(name string) bool { return evictable(s.Entry, name) })
			})
		},
	}
	g.targetFlag(c)
	return c
}

// transfers is how many entries are under way at a time, each with its blobs.
const transfers = 8

// transfer moves some of the plan's steps, and goes on after a failure, unless
// the remote is down.
func (g *globals) transfer(ctx context.Context, plan *planner.Plan, which func(*planner.Task) bool, verb string, r *remote.Remote, move func(context.Context, *planner.Task) (remote.Moved, error)) error {
	t := transfer{g: g, verb: verb}
	for _, s := range plan.Tasks {
		if which(s) {
			t.steps = append(t.steps, s)
		}
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(transfers)
	for _, s := range t.steps {
		work.Go(func() error {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			if t.isDown() {
				return nil
			}
			moved, err := move(ctx, s)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			t.ended(s, moved, err)
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	t.settle(r)
	left := len(t.steps) - t.done
	g.view().Text(fmt.Sprintf("%s %s, %s moved, %d failed: %s\n", counted(t.done, "entry", "entries"), verb, size(t.bytes), left, r))
	if left > 0 {
		return exitError{ExitPartial}
	}
	return nil
}

// transfer is one under way. What the remote refuses as such is told when
// something else goes well: until then it may be down, and one message is enough.
type transfer struct {
	g     *globals
	verb  string
	steps []*planner.Task

	mu     sync.Mutex // guards what follows, and keeps lines apart
	done   int
	told   int // failures that have been told
	bytes  int64
	inARow []failure // of the remote
}

type failure struct {
	step *planner.Task
	err  error
}

func (t *transfer) isDown() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.inARow) >= remote.Enduring
}

func (t *transfer) ended(s *planner.Task, moved remote.Moved, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes += moved.Bytes
	var down *remote.FailedError
	switch {
	case errors.As(err, &down):
		t.inARow = append(t.inARow, failure{s, err})
		return
	case err != nil:
		t.tell(failure{s, err})
		return
	}
	if len(t.inARow) < remote.Enduring { // else what was under way has still come through
		for _, f := range t.inARow {
			t.tell(f)
		}
		t.inARow = nil
	}
	t.done++
	t.g.view().Object(map[string]any{"type": t.verb, "address": s.Address.String(), "key": s.Key, "blobs": moved.Blobs, "bytes": moved.Bytes})
	if moved.Blobs > 0 {
		t.g.view().Note("%d/%d %s %s (%s)", t.done+t.told, len(t.steps), t.verb, s.Address, size(moved.Bytes))
	}
}

func (t *transfer) tell(f failure) {
	t.told++
	t.g.view().Object(map[string]any{"type": "not_" + t.verb, "address": f.step.Address.String(), "error": f.err.Error()})
	t.g.view().Note("%s: %v", f.step.Address, f.err)
}

// settle tells at the end of failures of the remote: that it is down, where
// nothing has come through since.
func (t *transfer) settle(r *remote.Remote) {
	if len(t.inARow) == 0 {
		return
	}
	if len(t.inARow) < remote.Enduring && t.done > 0 {
		for _, f := range t.inARow {
			t.tell(f)
		}
		return
	}
	left := len(t.steps) - t.done - t.told
	t.g.view().Object(map[string]any{"type": "remote_failed", "remote": r.URL(), "left": left, "error": t.inARow[0].err.Error()})
	t.g.view().Note("The remote failed %s in a row, so the rest was not tried: %v\n%s not %s. Once that is put right, the same command goes on where it was.",
		count(len(t.inARow), "time"), t.inARow[0].err, counted(left, "entry was", "entries were"), t.verb)
}

func (g *globals) cacheServeCommand() *cobra.Command {
	var listen string
	var readOnly bool
	c := &cobra.Command{
		Use: "serve", Short: "Serve the store to other machines, in Bazel's HTTP cache protocol",
		Long: "serve makes this machine's store a remote for others, at /ac and /cas. With\n" +
			"ABLATE_REMOTE_TOKEN set, clients must send it as a bearer token; without it, serve listens on\n" +
			"this machine only. Put a proxy with TLS before it where the network is not your own. What is\n" +
			"written there counts as this machine's own, so where trust names keys, results that none of\n" +
			"them signed are refused; and this machine's own are signed where remote names a key to sign\n" +
			"with." + codes(""),
		Example: "  ABLATE_REMOTE_TOKEN=$(openssl rand -hex 32) ablate cache serve --listen :8080",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			said, err := g.config()
			if err != nil {
				return err
			}
			store, err := g.openStore()
			if err != nil {
				return err
			}
			key, err := signingKey(said)
			if err != nil {
				return err
			}
			s := remote.Server{Store: store, Token: g.environ("ABLATE_REMOTE_TOKEN"), ReadOnly: readOnly}
			if err := errors.Join(s.Trust(key, said.Trust, said.TrustIn), s.CheckListen(listen)); err != nil {
				return err
			}
			return g.serve(c.Context(), s, listen)
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "the `address` to listen at")
	c.Flags().BoolVar(&readOnly, "read-only", false, "take nothing from clients")
	return c
}

func (g *globals) serve(ctx context.Context, s remote.Server, listen string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	g.view().Object(map[string]any{"type": "serving", "address": l.Addr().String()})
	g.view().Note("Serving %s at http://%s", s.Store.Dir(), l.Addr())
	const header, drain = 10 * time.Second, 5 * time.Second
	server := &http.Server{Handler: s, ReadHeaderTimeout: header}
	stop := context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		server.Shutdown(end)
	})
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (g *globals) cacheKeygenCommand() *cobra.Command {
	return &cobra.Command{
		Use: "keygen NAME", Short: "Make a pair of keys for signing results",
		Long: "keygen writes NAME.key, which signs what is pushed (remote { sign = \"NAME.key\" }), and prints\n" +
			"the public key for everybody else's trust { keys = [...] }. Where trust names keys, results\n" +
			"from the remote that none of them signed are refused." + codes(""),
		Example: "  ablate cache keygen alice@lab",
		Args:    arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			private, public, err := remote.Keygen(args[0])
			if err != nil {
				return fmt.Errorf("making keys for %q: %w", args[0], err)
			}
			f, err := os.OpenFile(args[0]+".key", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if os.IsExist(err) {
				return fmt.Errorf("%s.key exists already, and keygen overwrites nothing: choose another name", args[0])
			}
			if err != nil {
				return err
			}
			_, err = f.WriteString(private + "\n")
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
			g.view().Object(map[string]string{"type": "keys", "private": args[0] + ".key", "public": public})
			g.view().Text(public + "\n")
			return nil
		},
	}
}
