package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ablate/cache"
	"ablate/cache/remote"
	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/diag"
	"ablate/pipeline"
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
