package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/cache/remote"
	"ablate/hcl"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/graph"
	"ablate/pipeline/planner"
	"ablate/pipeline/source"
	"ablate/stages/record"
)

// loadStudy reads and links the study of the invocation. Warnings are shown;
// errors come back as diagnostics.
func (g *globals) loadStudy() (*graph.Graph, error) {
	study, diags := hcl.Load(hcl.Options{
		Dir: g.dir, Kinds: graph.LanguageKinds(g.app.Kinds), Environ: g.app.Environ, Vars: g.vars,
	})
	g.view().Sources(study.Sources)
	if err := diags.Err(); err != nil {
		return nil, err
	}
	graph, more := graph.Build(study, g.app.Kinds)
	if err := more.Err(); err != nil {
		return nil, append(diags, more...).Err()
	}
	g.view().Diagnostics(append(diags, more...))
	return graph, nil
}

// workspace is a study with its store.
type workspace struct {
	graph      *graph.Graph
	store      *cache.Local
	memo       *cache.Memo
	stats      *cache.StatCache
	planner    *planner.Planner
	executable cache.Digest
	remote     *remote.Remote // nil without one
	refused    *refusals
}

// open loads the study and opens the store.
func (g *globals) open(ctx context.Context) (*workspace, error) {
	graph, err := g.loadStudy()
	if err != nil {
		return nil, err
	}
	store, err := g.openStore()
	if err != nil {
		return nil, err
	}
	w := &workspace{graph: graph, store: store, stats: store.StatCache(), refused: &refusals{told: make(map[string]bool)}}
	if w.executable, err = digestExecutable(w.stats); err != nil {
		return nil, err
	}
	w.memo = store.Memo(w.executable)
	dir, err := filepath.Abs(g.dir)
	if err != nil {
		return nil, fmt.Errorf("finding the study's folder: %w", err)
	}
	graph.Study.Dir = dir
	selects, err := g.selection(graph.Study.Instances)
	if err != nil {
		return nil, err
	}
	w.planner = &planner.Planner{
		Graph: graph, Store: store, Memo: w.memo, Select: selects,
	}
	if w.remote, err = g.openRemote(ctx, w.refused.add); err != nil {
		return nil, err
	}
	if w.remote != nil {
		w.planner.Store = remote.Tiered{Local: store, Remote: w.remote}
	}
	lock, list := g.readLock()
	if err := append(list, lock.Damaged...).Err(); err != nil {
		return nil, err
	}
	w.planner.Frozen = make(map[string]pipeline.Frozen)
	for _, z := range lock.Frozen {
		w.planner.Frozen[z.Address] = z
	}
	sources := remoteSources(dir, lock, w.stats, store)
	sources.Offline = g.offline
	w.planner.Sources = sources
	return w, nil
}

// remoteSources reads a study's files, and what its lock pins elsewhere.
func remoteSources(dir string, lock hcl.Lock, stats *cache.StatCache, store cache.Store) source.Pinned {
	s := source.Pinned{Folder: source.Folder{Dir: dir}, Store: store,
		Pins: make(map[string]study.Pin, len(lock.Pins)), Client: http.DefaultClient}
	if stats != nil {
		s.Cache = stats
	}
	for _, p := range lock.Pins {
		s.Pins[p.Source] = p
	}
	return s
}

// plan resolves the study against the store, and keeps what was learnt about
// files and fingerprints.
func (w *workspace) plan(ctx context.Context) (*planner.Plan, error) {
	plan, err := w.planner.Plan(ctx)
	if err == nil {
		plan.Warnings = append(plan.Warnings, w.refused.warnings()...)
	}
	saved := w.save()
	if errors.Is(saved, fs.ErrPermission) || errors.Is(saved, syscall.EROFS) {
		saved = nil // a store that may only be read answers too; whoever writes results will fail
	}
	return plan, errors.Join(err, saved)
}

// refusals are what was not taken from the remote since the last warning.
type refusals struct {
	mu   sync.Mutex
	list []error
	told map[string]bool // also before: a run asks for most things more than once
}

func (r *refusals) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told[err.Error()] {
		return
	}
	r.told[err.Error()] = true
	r.list = append(r.list, err)
}

// warnings names the first few refusals, and tells none again.
func (r *refusals) warnings() diag.List {
	r.mu.Lock()
	defer r.mu.Unlock()
	const named = 3
	var out diag.List
	for i, err := range r.list {
		if i == named {
			out = append(out, diag.Warningf(nil, "Refused", "%s more that the remote has are refused likewise.", count(len(r.list)-named, "result"))...)
			break
		}
		out = append(out, diag.Warningf(nil, "Refused", "%v. It counts as not there.", err)...)
	}
	r.list = nil
	return out
}

// planned opens the study and plans it.
func (g *globals) planned(ctx context.Context) (*workspace, *planner.Plan, error) {
	w, err := g.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	plan, err := w.plan(ctx)
	return w, plan, err
}

// plannedStep plans the study and finds one instance of it.
func (g *globals) plannedStep(ctx context.Context, typed string) (*workspace, *planner.Task, error) {
	w, plan, err := g.planned(ctx)
	if err != nil {
		return nil, nil, err
	}
	s, err := g.step(plan, typed)
	return w, s, err
}

func (w *workspace) save() error { return errors.Join(w.memo.Save(), w.stats.Save()) }

// config is what the machine and the team say: the user's file, the
// environment, the study's own file.
func (g *globals) config() (hcl.Config, error) {
	if g.configured != nil {
		return *g.configured, nil
	}
	var files []string
	if dir, err := os.UserConfigDir(); err == nil {
		files = append(files, filepath.Join(dir, "ablate", "config.hcl"))
	}
	c, list := hcl.ReadConfig(append(files, filepath.Join(g.dir, ".ablate", "config.hcl"))...)
	g.view().Sources(c.Sources)
	if err := list.Err(); err != nil {
		return c, err
	}
	if dir := g.environ("ABLATE_CACHE_DIR"); dir != "" {
		c.CacheDir = dir
	}
	if url := g.environ("ABLATE_REMOTE"); url != "" {
		c.Remote.URL = url
	}
	if ns := g.environ("ABLATE_REMOTE_NAMESPACE"); ns != "" {
		if err := hcl.CheckNamespace(ns); err != nil {
			return c, fmt.Errorf("ABLATE_REMOTE_NAMESPACE: %w", err)
		}
		c.Remote.Namespace = ns
	}
	g.configured = &c
	return c, nil
}

// storeDir is where the store lives.
func (g *globals) storeDir() (string, error) {
	c, err := g.config()
	if err != nil {
		return "", err
	}
	if c.CacheDir != "" {
		return filepath.Abs(c.CacheDir)
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the user's cache folder: %w: name a folder for the store with ABLATE_CACHE_DIR", err)
	}
	return filepath.Join(base, "ablate"), nil
}

func (g *globals) openStore() (*cache.Local, error) {
	dir, err := g.storeDir()
	if err != nil {
		return nil, err
	}
	files := g.app.Files
	if files == nil {
		files = fsys.NewOS()
	}
	store, err := cache.Open(files, dir)
	if err != nil {
		return nil, err
	}
	store.OnUnclassified(record.LegacyRetention)
	store.OnHealed(func(err error) {
		g.view().Diagnostics(diag.Warningf(nil, "Damage in the store", "%v.", err))
	})
	return store, nil
}

// openRemote connects to the remote that stands behind the store; nil where
// there is none, or none is wanted. refused is told of what is not taken from it;
// without it, that is an error.
func (g *globals) openRemote(ctx context.Context, refused func(error)) (*remote.Remote, error) {
	c, err := g.config()
	if err != nil || c.Remote.URL == "" || g.offline {
		return nil, err
	}
	o := remote.Options{
		URL: c.Remote.URL, Token: g.environ("ABLATE_REMOTE_TOKEN"), Namespace: c.Remote.Namespace, Read: c.Remote.Read,
		Trust: c.Trust, TrustIn: c.TrustIn, Refused: refused,
	}
	if o.Sign, err = signingKey(c); err != nil {
		return nil, err
	}
	r, err := remote.Open(ctx, o)
	if err != nil {
		return nil, unusableError{err}
	}
	return r, nil
}

// signingKey is the private key that a configuration names, "" where it names
// none.
func signingKey(c hcl.Config) (string, error) {
	if c.Remote.Sign == "" {
		return "", nil
	}
	raw, err := os.ReadFile(c.Remote.Sign)
	if err != nil {
		return "", fmt.Errorf("reading the key that sign names in a remote block: %w: ablate cache keygen makes keys", err)
	}
	return strings.TrimSpace(string(raw)), nil
}

// unusableError says that the remote cannot be used. Most commands can do
// without.
type unusableError struct{ error }

// Error implements error.
func (e unusableError) Error() string { return e.error.Error() + "\n--offline works without it" }

// digestExecutable hashes the running program: fingerprints are remembered
// under it.
func digestExecutable(stats *cache.StatCache) (cache.Digest, error) {
	path, err := executable()
	if err != nil {
		return cache.Digest{}, fmt.Errorf("finding the running program: %w", err)
	}
	d, _, err := stats.Digest(path, "executable", func() (cache.Digest, int64, error) {
		f, err := os.Open(path)
		if err != nil {
			return cache.Digest{}, 0, err
		}
		defer f.Close()
		return hashReader(f)
	})
	if err != nil {
		return cache.Digest{}, fmt.Errorf("hashing the running program: %w", err)
	}
	return d, nil
}

func hashReader(r io.Reader) (cache.Digest, int64, error) {
	h := cache.NewDigester()
	n, err := io.Copy(h, r)
	return h.Digest(), n, err
}

// selection turns --target into what the planner asks. A target that selects
// nothing is a slip of the pen.
func (g *globals) selection(all []*study.Instance) (func(*planner.Planner, addr.Instance) bool, error) {
	if len(g.targets) == 0 {
		return nil, nil
	}
	var patterns []addr.Pattern
	for _, t := range g.targets {
		p, err := addr.ParsePattern(t)
		if err != nil {
			return nil, fmt.Errorf("--target: %w", err)
		}
		if !slices.ContainsFunc(all, func(i *study.Instance) bool { return p.Match(i.Address) }) {
			return nil, fmt.Errorf("--target: no instance of the study is %s; ablate show lists what it has", t)
		}
		patterns = append(patterns, p)
	}
	return func(_ *planner.Planner, a addr.Instance) bool {
		for _, p := range patterns {
			if p.Match(a) {
				return true
			}
		}
		return false
	}, nil
}

// step finds one instance of a plan by the address that the user typed.
func (g *globals) step(plan *planner.Plan, typed string) (*planner.Task, error) {
	a, err := addr.Parse(typed)
	if err != nil {
		return nil, err
	}
	if s := plan.Task(a); s != nil {
		return s, nil
	}
	var several []*planner.Task
	for _, s := range plan.Tasks {
		if s.Address.Stage == a.Stage {
			several = append(several, s)
		}
	}
	if a.Key == "" && len(several) > 0 {
		return nil, fmt.Errorf("%s has %d instances: name one of them, for example\n\n    %s", a, len(several), shellQuote(several[0].Address.String()))
	}
	return nil, fmt.Errorf("the study has no %s; ablate show lists what it has", a)
}

// shellQuote makes an address safe to paste.
func shellQuote(s string) string {
	for _, c := range s {
		if c == '[' || c == '"' || c == ' ' {
			return "'" + s + "'"
		}
	}
	return s
}

// logger makes the invocation's logger.
func (g *globals) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(g.logLevel)); err != nil {
		return nil, fmt.Errorf("--log: %q is none of debug, info, warn, error", g.logLevel)
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})), nil
}
