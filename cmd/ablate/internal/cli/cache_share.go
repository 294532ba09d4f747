package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ablate/cache"
	"ablate/cache/remote"
	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/planner"
)

// withRemote opens and plans the study for a command that cannot work without the
// remote.
func (s *session) withRemote(ctx context.Context, targets []string) (*workspace, *planner.Plan, error) {
	if s.offline {
		return nil, nil, errors.New("--offline cannot be combined with push or pull, which need the remote")
	}
	w, plan, err := s.planned(ctx, targets...)
	var unusable unusableError
	if errors.As(err, &unusable) {
		err = unusable.error
	}
	if err == nil && w.remote == nil {
		err = errors.New("no remote is configured: name one with ABLATE_REMOTE or in a configuration file")
	}
	if err == nil {
		s.view().Diagnostics(plan.Warnings) // such as refused results, which are not pulled
	}
	return w, plan, err
}

func cachePushCommand(s *session) *cobra.Command {
	var r cachePushRequest
	c := &cobra.Command{
		Use: "push", Short: "Send the study's results to the remote",
		Long: "push sends the cached results of the study, or of what --target selects, that the remote lacks. An\n" +
			"interrupted push continues where it stopped.\n\n" +
			"--results leaves out checkpoints and prepared data. A machine that pulls such results has every\n" +
			"number without training, and prepares the data again from its sources." + exitCodes("3 something could not be sent"),
		Example: "  ablate cache push --target 'norm=derf.*'\n  mkdir results\n  ABLATE_REMOTE=file://$PWD/results ablate cache push --results",
		Args:    noArgs,
		RunE:    does(s, &r),
	}
	c.Flags().BoolVar(&r.Results, "results", false, "leave out checkpoints and prepared data")
	targetFlag(c, s, &r.Targets)
	return c
}

// cachePushRequest asks to send results to the remote.
type cachePushRequest struct {
	Results bool
	Targets []string
}

func (r cachePushRequest) do(ctx context.Context, s *session) error {
	w, plan, err := s.withRemote(ctx, r.Targets)
	if err != nil {
		return err
	}
	t := &transfer{session: s, remote: w.remote, verb: "pushed"}
	for _, x := range plan.Tasks {
		if x.Status == planner.Hit && !(r.Results && x.Role == pipeline.Data) {
			t.tasks = append(t.tasks, x)
		}
	}
	return t.run(ctx, func(ctx context.Context, x *planner.Task) (remote.Transfer, error) {
		var without []string
		for _, a := range x.Entry().Artifacts {
			if r.Results && w.store.Retention(x.Entry(), a) == cache.Evict {
				without = append(without, a.Name)
			}
		}
		return remote.PushEntry(ctx, w.store, w.remote, x.Entry(), without...)
	})
}

func cachePullCommand(s *session) *cobra.Command {
	var r cachePullRequest
	c := &cobra.Command{
		Use: "pull", Short: "Fetch the study's results from the remote",
		Long: "pull fetches the results of the study, or of what --target selects, that the remote has and the\n" +
			"local store lacks. With --target it also fetches what gc removed of cached results, such as\n" +
			"checkpoints. ablate run pulls what it needs by itself." + exitCodes("3 something could not be fetched"),
		Example: "  ablate cache pull",
		Args:    noArgs,
		RunE:    does(s, &r),
	}
	targetFlag(c, s, &r.Targets)
	return c
}

// cachePullRequest asks to fetch results from the remote.
type cachePullRequest struct{ Targets []string }

func (r cachePullRequest) do(ctx context.Context, s *session) error {
	w, plan, err := s.withRemote(ctx, r.Targets)
	if err != nil {
		return err
	}
	var incomplete map[*planner.Task]bool
	if len(r.Targets) > 0 { // otherwise gc would be undone
		if incomplete, err = r.incomplete(ctx, w, plan); err != nil {
			return err
		}
	}
	t := &transfer{session: s, remote: w.remote, verb: "pulled"}
	for _, x := range plan.Tasks {
		if x.Status == planner.Pull || incomplete[x] {
			t.tasks = append(t.tasks, x)
		}
	}
	s.view().Diagnostics(unknownKeys(w, plan))
	return t.run(ctx, func(ctx context.Context, x *planner.Task) (remote.Transfer, error) {
		return w.remote.Pull(ctx, w.store, x.Entry(), x.Evictable)
	})
}

// incomplete are the cached tasks of which the store lacks an artifact that the remote
// has.
func (cachePullRequest) incomplete(ctx context.Context, w *workspace, plan *planner.Plan) (map[*planner.Task]bool, error) {
	var hits []*planner.Task
	var keys []cache.Key
	for _, t := range plan.Tasks {
		if t.Status == planner.Hit {
			hits, keys = append(hits, t), append(keys, t.Key)
		}
	}
	found, err := w.store.Lookup(ctx, keys...)
	if err != nil {
		return nil, err
	}
	has := make([]bool, len(hits))
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(parallelTransfers)
	for i, f := range found {
		asking.Go(func() (err error) {
			for _, name := range f.Absent {
				a, _ := f.Entry.Artifact(name)
				if has[i], err = w.remote.Has(ctx, a.Digest); has[i] || err != nil {
					break
				}
			}
			return err
		})
	}
	if err := asking.Wait(); err != nil {
		return nil, fmt.Errorf("looking for artifacts at %s: %w", w.remote, err)
	}
	out := make(map[*planner.Task]bool)
	for i, t := range hits {
		out[t] = has[i]
	}
	return out, nil
}

// unknownKeys warns of instances that cannot be looked up on a remote, since their keys
// depend on results that neither it nor the store has.
func unknownKeys(w *workspace, plan *planner.Plan) diag.List {
	causes := make(map[*planner.Task]bool)
	pending := 0
	for _, t := range plan.Tasks {
		if t.Status != planner.Pending {
			continue
		}
		pending++
		for dep := range w.graph.Node(t.Address).Deps() {
			d := plan.Task(dep.Instance.Address)
			if first := d.SameAs(); first != nil {
				d = first
			}
			if d.Role != pipeline.Definition && d.Status != planner.Pending && d.Status != planner.Hit && d.Status != planner.Pull {
				causes[d] = true
			}
		}
	}
	if len(causes) == 0 {
		return nil
	}
	var what string
	var targets []string
	onlyData, programs := true, false
	for _, t := range plan.Tasks { // in its order
		if causes[t] {
			what = cmp.Or(what, t.Address.String())
			targets = append(targets, "--target", t.Address.String())
			onlyData, programs = onlyData && t.Role == pipeline.Data, programs || t.Kind().Program
		}
	}
	if more := len(causes) - 1; more > 0 {
		what += fmt.Sprintf(" and %d more", more)
	}
	advice := "Pull again after\n\n    " + w.session.command("plan", "--refresh")
	switch {
	case !onlyData:
		advice = "ablate run computes what is missing and pulls the rest."
	case programs:
		advice = "Pull again after\n\n    " + w.session.command("run", targets...)
	}
	return diag.Warningf(nil, "Keys not known", "%s cannot be looked up on the remote, because the keys depend on %s. %s", view.Count(pending, "instance"), what, advice)
}

func cacheServeCommand(s *session) *cobra.Command {
	var r cacheServeRequest
	c := &cobra.Command{
		Use: "serve", Short: "Serve the store to other machines, in Bazel's HTTP cache protocol",
		Long: "serve makes this machine's store a remote for others, at /ac and /cas. If ABLATE_REMOTE_TOKEN is\n" +
			"set, clients must send it as a bearer token; otherwise serve accepts only a loopback address. On\n" +
			"a network that you do not trust, serve over TLS with --tls-cert and --tls-key.\n\n" +
			"serve limits what it does at a time and answers 429 beyond that. It disconnects clients that\n" +
			"transfer almost nothing for a minute.\n\n" +
			"Uploaded results count as this machine's own. If the configuration trusts certain keys, serve\n" +
			"refuses uploads that none of them signed. If it names a key to sign with, serve signs the\n" +
			"results that were computed here." + exitCodes(""),
		Example: "  ABLATE_REMOTE_TOKEN=$(openssl rand -hex 32) ablate cache serve --listen :8080",
		Args:    noArgs,
		RunE:    does(s, &r),
	}
	c.Flags().StringVar(&r.Listen, "listen", "127.0.0.1:8080", "the `address` to listen on")
	c.Flags().BoolVar(&r.ReadOnly, "read-only", false, "refuse uploads")
	c.Flags().StringVar(&r.Certificate, "tls-cert", "", "serve over TLS with the certificate in this `file`")
	c.Flags().StringVar(&r.Key, "tls-key", "", "the `file` with the private key of the certificate")
	return c
}

// cacheServeRequest asks to serve the store.
type cacheServeRequest struct {
	Listen           string
	ReadOnly         bool
	Certificate, Key string // files; "" for plain HTTP
}

func (r cacheServeRequest) do(ctx context.Context, s *session) error {
	c, err := s.config()
	if err == nil {
		err = s.knowsTrust()
	}
	if err != nil {
		return err
	}
	store, err := s.openStore()
	if err != nil {
		return err
	}
	key, err := signingKey(c)
	if err != nil {
		return err
	}
	handler, err := remote.NewServer(remote.ServerOptions{Store: store, Token: s.getenv("ABLATE_REMOTE_TOKEN"), ReadOnly: r.ReadOnly,
		Sign: key, Trust: c.Trust, TrustIn: c.TrustIn, Check: action.CheckIngredients})
	if err == nil {
		err = handler.CheckListen(r.Listen)
	}
	if err != nil {
		return err
	}
	l, scheme, err := r.listen()
	if err != nil {
		return err
	}
	s.show(view.Serving{Address: l.Addr().String(), Dir: store.Dir(), Scheme: scheme})
	return handler.Serve(ctx, l)
}

// listen listens over TLS if there is a certificate.
func (r cacheServeRequest) listen() (l net.Listener, scheme string, err error) {
	if (r.Certificate == "") != (r.Key == "") {
		return nil, "", errors.New("--tls-cert and --tls-key need each other: give both or neither")
	}
	var pair tls.Certificate
	if r.Certificate != "" {
		if pair, err = tls.LoadX509KeyPair(r.Certificate, r.Key); err != nil {
			return nil, "", fmt.Errorf("reading the certificate: %w", err)
		}
	}
	if l, err = net.Listen("tcp", r.Listen); err != nil {
		return nil, "", fmt.Errorf("listening: %w", err)
	}
	if r.Certificate == "" {
		return l, "http", nil
	}
	return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}), "https", nil
}

func cacheKeygenCommand(s *session) *cobra.Command {
	var r cacheKeygenRequest
	return &cobra.Command{
		Use: "keygen NAME", Short: "Create a pair of keys for signing results",
		Long: "keygen writes the private key to NAME.key, for remote { sign = \"NAME.key\" }, and prints the public\n" +
			"key, for trust { keys = [...] } on other machines. A machine that trusts certain keys refuses\n" +
			"results from the remote that none of them signed." + exitCodes(""),
		Example: "  ablate cache keygen alice@lab",
		Args:    argsBetween(1, 1),
		RunE:    does(s, &r, &r.Name),
	}
}

// cacheKeygenRequest asks for a new pair of keys.
type cacheKeygenRequest struct{ Name string }

func (r cacheKeygenRequest) do(_ context.Context, s *session) error {
	private, public, err := remote.Keygen(r.Name)
	if err != nil {
		return fmt.Errorf("creating keys for %q: %w", r.Name, err)
	}
	file := r.Name + ".key"
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if os.IsExist(err) {
		return fmt.Errorf("%s already exists, and keygen overwrites nothing: choose another name", file)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(private + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	s.show(view.Keys{Private: file, Public: public})
	return nil
}
