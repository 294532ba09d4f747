package run_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/hcl"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/graph"
	"ablate/pipeline/planner"
	"ablate/pipeline/run"
	"ablate/pipeline/source"
)

// world is a study of the fake kinds below with a store in memory.
type world struct {
	t      *testing.T
	dir    string
	store  *cache.Local
	fs     *fsys.Memory
	code   string        // stands for what the program computes
	by     string        // what trials have their affinity by: "seed" or ""
	breaks error         // how trials fail; nil if they do not
	silent bool          // trials run in processes that publish and do not say so
	waits  time.Duration // for which such a trial waits before it starts
	events []run.Event

	mu  sync.Mutex
	ran map[string]int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	fs := fsys.NewMemory()
	store, err := cache.Open(fs, "/store")
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, dir: t.TempDir(), fs: fs, store: store, code: "v1", ran: make(map[string]int)}
}

// text is a fake data stage: its output is its text, upper or lower case.
type text struct {
	Text string          `hcl:"text"`
	Note string          `hcl:"note,optional" key:"-"`
	From []addr.Instance `hcl:"from,optional" ref:"data"`
	w    *world
}

func (s *text) Validate() diag.List { return nil }

func (s *text) Describe(pipeline.Inputs) (pipeline.Recipe, error) {
	return pipeline.Recipe{Outputs: []pipeline.Output{{Name: "out", MediaType: "text/plain"}}}, nil
}

func (s *text) Run(_ context.Context, env *pipeline.Env) error {
	s.w.count(env)
	return put(env, "out", s.Text[:1]) // only the first letter counts
}

// rule is a fake definition.
type rule struct {
	Alpha float64 `hcl:"alpha,optional"`
	w     *world
}

func (r *rule) Validate() diag.List {
	if r.Alpha < 0 {
		return diag.Errorf(diag.Path{"alpha"}, "Out of range", "alpha is %v.", r.Alpha)
	}
	return nil
}

func (r *rule) Describe(pipeline.Inputs) (pipeline.Recipe, error) {
	return pipeline.Recipe{
		Code:    cache.Map(map[string]cache.Value{"rule": cache.String(r.w.code)}),
		Outputs: []pipeline.Output{{Name: "definition", MediaType: "text/plain"}},
	}, nil
}

func (r *rule) Run(_ context.Context, env *pipeline.Env) error {
	r.w.count(env)
	return put(env, "definition", fmt.Sprint(r.Alpha))
}

// job is a fake trial.
type job struct {
	Data addr.Instance `hcl:"data" ref:"data"`
	Rule addr.Instance `hcl:"rule" ref:"norm"`
	Seed int           `hcl:"seed,optional"`
	Fail bool          `hcl:"fail,optional"`
	w    *world
}

func (j *job) Validate() diag.List { return nil }

func (j *job) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return pipeline.Recipe{
		Inputs: cache.Map(map[string]cache.Value{
			"data": cache.DigestValue(in.One("data").Digest("out")), "rule": in.One("rule").Ref.Value(),
		}),
		Code:    cache.Map(map[string]cache.Value{"step": cache.String(j.w.code)}),
		Notes:   cache.Map(map[string]cache.Value{"parts": cache.Map(map[string]cache.Value{"rule": in.One("rule").Code})}),
		Outputs: []pipeline.Output{{Name: "metrics", MediaType: "text/plain"}, {Name: "weights", MediaType: "text/plain", Retention: cache.Evict}},

		Affinity: j.affinity(),
	}, nil
}

func (j *job) affinity() pipeline.Affinity {
	if j.w.by != "seed" {
		return pipeline.Affinity{}
	}
	return pipeline.Affinity{Process: "fake", Work: fmt.Sprint(j.Seed)}
}

func (j *job) Run(ctx context.Context, env *pipeline.Env) error {
	j.w.count(env)
	if j.Fail {
		return diag.Errorf(nil, "It failed", "as it was told to").Err()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if j.w.breaks != nil {
		return j.w.breaks
	}
	if err := put(env, "metrics", fmt.Sprint(j.Seed)); err != nil {
		return err
	}
	return put(env, "weights", env.Address.String())
}

// long is a fake trial that saves one state.
type long struct {
	Data addr.Instance `hcl:"data" ref:"data"`
}

func (l *long) Validate() diag.List { return nil }

func (l *long) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	return pipeline.Recipe{
		Inputs:  cache.Map(map[string]cache.Value{"data": cache.DigestValue(in.One("data").Digest("out"))}),
		Outputs: []pipeline.Output{{Name: "metrics", MediaType: "text/plain"}},
	}, nil
}

func (l *long) Mark(in pipeline.Inputs) (cache.Key, error) { return l.state(in).Key("fake state"), nil }

func (l *long) Survey(ctx context.Context, in pipeline.Inputs, states pipeline.States) (pipeline.Survey, error) {
	_, err := states.Find(ctx, l.state(in).Key("fake state"))
	return pipeline.Survey{}, err
}

func (l *long) state(in pipeline.Inputs) cache.Value {
	return cache.DigestValue(in.One("data").Digest("out"))
}

func (l *long) Run(ctx context.Context, env *pipeline.Env) error {
	state := l.state(env.Inputs)
	_, err := env.States.Keep(ctx, state.Key("fake state"), state)
	if err != nil {
		return err
	}
	return put(env, "metrics", "done")
}

// report is a fake analysis.
type report struct {
	Trials []addr.Instance `hcl:"trials" ref:"train"`
	w      *world
}

func (r *report) Validate() diag.List { return nil }

func (r *report) Describe(in pipeline.Inputs) (pipeline.Recipe, error) {
	var items []cache.Value
	for _, t := range in.Refs["trials"] {
		items = append(items, cache.DigestValue(t.Digest("metrics")))
	}
	return pipeline.Recipe{
		Inputs:  cache.Map(map[string]cache.Value{"trials": cache.List(items...)}),
		Outputs: []pipeline.Output{{Name: "table", MediaType: "text/plain"}},
	}, nil
}

func (r *report) Run(_ context.Context, env *pipeline.Env) error {
	r.w.count(env)
	for _, t := range env.Inputs.Refs["trials"] {
		f, err := env.Open(t.Digest("metrics"))
		if err != nil {
			return err
		}
		f.Close()
	}
	return put(env, "table", "done")
}

func put(env *pipeline.Env, name, content string) error {
	w, err := env.Create(name)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, content); err != nil {
		return err
	}
	return w.Close()
}

func (w *world) count(env *pipeline.Env) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ran[env.Address.Stage.Block]++
}

func (w *world) kinds() []pipeline.Kind {
	kind := func(block, typ string, role pipeline.Role, fresh func() pipeline.Stage) pipeline.Kind {
		return pipeline.Kind{Block: block, Type: typ, Version: 1, Role: role, New: fresh}
	}
	trial := kind("train", "fake", pipeline.Trial, func() pipeline.Stage { return &job{w: w} })
	trial.Child = w.silent
	return []pipeline.Kind{
		kind("data", "fake", pipeline.Data, func() pipeline.Stage { return &text{w: w} }),
		kind("norm", "fake", pipeline.Definition, func() pipeline.Stage { return &rule{Alpha: 0.5, w: w} }),
		trial,
		kind("train", "long", pipeline.Trial, func() pipeline.Stage { return &long{} }),
		kind("analysis", "fake", pipeline.Analysis, func() pipeline.Stage { return &report{w: w} }),
	}
}

const fakeStudy = `
data "fake" "d" {
  text = "abc"
}

norm "fake" "a" {}

norm "fake" "b" {
  alpha = 0.7
}

train "fake" "t" {
  data = data.fake.d
  matrix {
    rule = [norm.fake.a, norm.fake.b]
    seed = [1, 2]
  }
}

analysis "fake" "all" {
  trials = train.fake.t
}
`

// load builds a planner for a study's text.
func (w *world) load(text string) (*planner.Planner, diag.List) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "study.hcl"), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	study, diags := hcl.Load(hcl.Options{Dir: w.dir, Kinds: graph.LanguageKinds(w.kinds())})
	if diags.HasErrors() {
		w.t.Fatalf("loading: %v", diags.Err())
	}
	graph, more := graph.Build(study, w.kinds())
	return &planner.Planner{Graph: graph, Store: w.store, Sources: source.Folder{Dir: w.dir}, Memo: w.store.Memo(cache.Digest{})}, more
}

func (w *world) plan(text string) *planner.Plan {
	w.t.Helper()
	planner, diags := w.load(text)
	if err := diags.Err(); err != nil {
		w.t.Fatal(err)
	}
	plan, err := planner.Plan(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return plan
}

// run plans and runs a study, and returns what ran by block.
func (w *world) run(ctx context.Context, text string, keepGoing bool) (map[string]int, run.Summary, error) {
	w.t.Helper()
	planner, _ := w.load(text)
	plan, err := planner.Plan(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	w.ran = make(map[string]int)
	runner := &run.Runner{Store: planner.Store, Sources: planner.Sources, Jobs: 3, KeepGoing: keepGoing, Log: slog.New(slog.DiscardHandler), Launcher: silent{w},
		Observe: func(e run.Event) { w.events = append(w.events, e) }}
	summary, err := runner.Run(ctx, plan)
	return w.ran, summary, err
}

// silent launches children that publish their result, and whose answer is lost.
type silent struct{ w *world }

func (s silent) LogPath(cache.Key) string { return "" }

func (s silent) Launch(ctx context.Context, req action.Request, progress func(pipeline.Progress)) error {
	a, err := req.Action(s.w.kinds(), source.Folder{Dir: s.w.dir}, s.w.store.Memo(cache.Digest{}))
	if err != nil {
		return err
	}
	time.Sleep(s.w.waits)
	w := action.Worker{Store: s.w.store, Log: slog.New(slog.DiscardHandler), Progress: progress, Clock: time.Now}
	if _, err := w.Compute(ctx, a); err != nil {
		return err
	}
	return errors.New("the connection broke")
}

// remove deletes a blob behind the store's back.
func (w *world) remove(d cache.Digest) {
	w.t.Helper()
	hex := d.Hex()
	path := filepath.Join("/store/blobs/sha256", hex[:2], hex+".zst")
	if err := w.fs.Remove(path); err != nil {
		w.t.Fatal(err)
	}
}
