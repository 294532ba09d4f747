package train_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/hcl"
	"ablate/pipeline"
	"ablate/pipeline/graph"
	"ablate/pipeline/planner"
	"ablate/pipeline/run"
	files "ablate/pipeline/source"
	"ablate/stages"
)

// lab runs small real studies in one store in memory.
type lab struct {
	t     *testing.T
	dir   string
	fs    *fsys.Memory
	store *cache.Local

	meddle func(cache.Entry) error // with what is published on the way; nil for not
	seen   func(pipeline.Progress) // nil if progress is ignored

	mu       sync.Mutex
	computed int      // steps, of the last run
	compiled []string // programs
}

// meddler lets a lab have a hand in what is published.
type meddler struct {
	*cache.Local
	lab *lab
}

// Publish implements cache.Store.
func (m meddler) Publish(ctx context.Context, e cache.Entry, evicted ...string) (cache.Entry, error) {
	if m.lab.meddle != nil && e.Block == pipeline.StateBlock {
		if err := m.lab.meddle(e); err != nil {
			return cache.Entry{}, err
		}
	}
	return m.Local.Publish(ctx, e, evicted...)
}

func newLab(t *testing.T) *lab {
	t.Helper()
	fs := fsys.NewMemory()
	store, err := cache.Open(fs, "/store")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var text strings.Builder
	for i := range 600 {
		fmt.Fprintf(&text, "%d times %d is %d.\n", i, i+1, i*(i+1))
	}
	if err := os.WriteFile(filepath.Join(dir, "text.txt"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return &lab{t: t, dir: dir, fs: fs, store: store}
}

// study is one trial with some blocks of its own.
func study(steps int, train string) string {
	return fmt.Sprintf(`
data "text" "t" {
  source = ["text.txt"]
}
model "llama" "m" {
  layers = 1
  width  = 16
  heads  = 2
}
norm "derf" "n" {
  ema_blend {}
}
optimizer "adamw" "o" {
  learning_rate = 0.01
}
train "lm" "one" {
  data      = data.text.t
  model     = model.llama.m
  norm      = norm.derf.n
  optimizer = optimizer.adamw.o
  steps     = %d
  batch {
    sequences = 2
    length    = 8
  }
  %s
}
`, steps, train)
}

// Handle implements slog.Handler: the trial's log says what it computed.
func (l *lab) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "compiled" {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "program" {
				l.compiled = append(l.compiled, a.Value.String())
			}
			return true
		})
	}
	if r.Message == "trained" {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "computed" {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.computed = int(a.Value.Int64())
			}
			return true
		})
	}
	return nil
}

// Enabled implements slog.Handler.
func (l *lab) Enabled(context.Context, slog.Level) bool { return true }

// WithAttrs implements slog.Handler.
func (l *lab) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements slog.Handler.
func (l *lab) WithGroup(string) slog.Handler { return l }

func (l *lab) planner(text string) *planner.Planner {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, "study.hcl"), []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	kinds := stages.All()
	for i := range kinds {
		kinds[i].Child = false
	}
	s, diags := hcl.Load(hcl.Options{Dir: l.dir, Kinds: graph.LanguageKinds(kinds)})
	if err := diags.Err(); err != nil {
		l.t.Fatal(err)
	}
	graph, diags := graph.Build(s, kinds)
	if err := diags.Err(); err != nil {
		l.t.Fatal(err)
	}
	return &planner.Planner{Graph: graph, Store: meddler{l.store, l}, Sources: files.Folder{Dir: l.dir}, Memo: l.store.Memo(cache.Digest{})}
}

func (l *lab) plan(text string) *planner.Task {
	l.t.Helper()
	plan, err := l.planner(text).Plan(context.Background())
	if err != nil {
		l.t.Fatal(err)
	}
	for _, s := range plan.Tasks {
		if s.Block == "train" {
			return s
		}
	}
	l.t.Fatal("the plan has no trial")
	return nil
}

// run computes a study, or stops it once stopAt steps were reported.
func (l *lab) run(text string, stopAt int) error {
	l.t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	p := l.planner(text)
	plan, err := p.Plan(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	l.computed = 0
	var cause error
	r := &run.Runner{Store: p.Store, Sources: p.Sources, Jobs: 1, Log: slog.New(l), Observe: func(e run.Event) {
		if e.Type == run.StageFailed {
			cause = e.Err
		}
		if l.seen != nil && e.Type == run.StageProgress {
			l.seen(e.Progress)
		}
		if stopAt > 0 && e.Block == "train" && e.Progress.Step >= stopAt {
			cancel(errStop)
		}
	}}
	_, err = r.Run(ctx, plan)
	return errors.Join(err, cause)
}

var errStop = errors.New("stopped by the test")

// result is what a trial left: its metrics and probes, and its checkpoint's
// digest.
func (l *lab) result(text string) (metrics, checkpoint string) {
	l.t.Helper()
	s := l.plan(text)
	if s.Status != planner.Hit {
		l.t.Fatalf("the trial is %s (%s), not cached", s.Status, s.Reason.Text)
	}
	for _, name := range []string{"metrics", "probes"} {
		a, ok := s.Entry().Artifact(name)
		if !ok {
			continue
		}
		raw, err := cache.ReadAll(context.Background(), l.store, a.Digest)
		if err != nil {
			l.t.Fatal(err)
		}
		metrics += string(raw)
	}
	c, _ := s.Entry().Artifact("checkpoint")
	return metrics, c.Digest.String()
}

func (l *lab) must(text string, computed int) {
	l.t.Helper()
	if err := l.run(text, 0); err != nil {
		l.t.Fatal(err)
	}
	if l.computed != computed {
		l.t.Errorf("it computed %d steps, want %d", l.computed, computed)
	}
}

func (l *lab) same(other *lab, text string) {
	l.t.Helper()
	m1, c1 := l.result(text)
	m2, c2 := other.result(text)
	if diff := cmp.Diff(strings.Split(m1, "\n"), strings.Split(m2, "\n")); diff != "" {
		l.t.Errorf("metrics differ:\n%s", diff)
	}
	if c1 != c2 {
		l.t.Errorf("checkpoints differ: %s and %s", c1, c2)
	}
}

// Stopped at any step and resumed, a trial gives the same bytes.
func TestResume(t *testing.T) {
	text := study(24, "evaluate {\n every = 5\n}\nprobe {\n every = 7\n}\ncheckpoint {\n every = 7\n}")
	straight := newLab(t)
	straight.must(text, 24)
	for range 12 {
		l, reached := newLab(t), 0
		for stop := 1 + rand.IntN(23); stop < 24; stop += 1 + rand.IntN(12) {
			if err := l.run(text, stop); !errors.Is(err, errStop) {
				t.Fatalf("stopping at %d: %v", stop, err)
			}
			if s := l.plan(text); s.Status != planner.Resume {
				t.Fatalf("after step %d the plan says %s: %s", stop, s.Status, s.Reason.Text)
			}
			reached = stop
		}
		l.must(text, 24-reached)
		l.same(straight, text)
	}
}

// Longer runs go on from shorter ones where the schedule allows, and cut and
// uncut runs end in the same state.
func TestHorizon(t *testing.T) {
	const keepAll = "checkpoint {\n every = 10\n keep = \"all\"\n}"
	for _, tt := range []struct {
		name          string
		first, second string
		computed      int
		plan          string
	}{
		{"constant", study(20, ""), study(40, ""), 20, "steps 1-20 of 40 are cached: trains steps 21-40"},
		{"cosine shares nothing", study(20, `schedule "cosine" {}`), study(40, `schedule "cosine" {}`), 40, ""},
		{"wsd forks from its trunk", study(20, "schedule \"wsd\" {\n decay = 10\n}\n"+keepAll),
			study(40, "schedule \"wsd\" {\n decay = 10\n}\n"), 30, "steps 1-10 of 40 are cached: trains steps 11-40"},
		{"other boundaries", study(20, "checkpoint {\n every = 3\n}"), study(20, "evaluate {\n batches = 3\n}\ncheckpoint {\n every = 8\n}"), 0,
			"steps 1-20 of 20 are cached: trains nothing"},
		{"more at the states that are there", study(20, keepAll), study(20, "evaluate {\n every = 10\n batches = 3\n}\n"+keepAll), 0,
			"steps 1-20 of 20 are cached: trains nothing, looks at the states after steps 10, 20"},
		{"more evaluations", study(20, keepAll), study(20, "evaluate {\n every = 6\n}\n"+keepAll), 14,
			"steps 1-20 of 20 are cached: replays steps 1-6, 11-18 to see what was not looked at or kept"},
		{"evaluations without states", study(20, ""), study(20, "evaluate {\n every = 6\n}"), 18,
			"steps 1-20 of 20 are cached: replays steps 1-18 to see what was not looked at or kept"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, fresh := newLab(t), newLab(t)
			if err := l.run(tt.first, 0); err != nil {
				t.Fatal(err)
			}
			s := l.plan(tt.second)
			if tt.plan != "" && (s.Status != planner.Resume || !strings.Contains(s.Reason.Text, "; "+tt.plan)) {
				t.Errorf("plan: %s %q, want resume %q", s.Status, s.Reason.Text, tt.plan)
			}
			var upTo, steps int
			fmt.Sscanf(tt.plan, "steps 1-%d of %d", &upTo, &steps)
			if left := math.Round(float64(steps) * (1 - s.Survey.Done)); s.Status == planner.Resume && left != float64(tt.computed) {
				t.Errorf("the plan takes it for %v steps of work, want %d", left, tt.computed)
			}
			if err := l.run(tt.second, 0); err != nil {
				t.Fatal(err)
			}
			if tt.name != "other boundaries" && l.computed != tt.computed {
				t.Errorf("it computed %d steps, want %d", l.computed, tt.computed)
			}
			if err := fresh.run(tt.second, 0); err != nil {
				t.Fatal(err)
			}
			l.same(fresh, tt.second)
		})
	}
}

// What was retained is what was asked for, and eviction makes no hit a miss.
func TestRetention(t *testing.T) {
	for keep, want := range map[string]int{"final": 1, "all": 4, "none": 0} {
		l := newLab(t)
		text := study(20, fmt.Sprintf("checkpoint {\n every = 5\n keep = %q\n}", keep))
		l.must(text, 20)
		loadable := 0
		for e, err := range l.store.Entries(context.Background(), pipeline.StateBlock, "lm") {
			if err != nil {
				t.Fatal(err)
			}
			found, err := l.store.Lookup(context.Background(), e.Key)
			if err != nil {
				t.Fatal(err)
			}
			if _, note := e.Artifact("note"); note && len(found[0].Absent) == 0 {
				loadable++
			}
		}
		if loadable != want {
			t.Errorf("keep %s left %d states, want %d", keep, loadable, want)
		}
		if s := l.plan(text); s.Status != planner.Hit {
			t.Errorf("keep %s: the plan says %s: %s", keep, s.Status, s.Reason.Text)
		}
	}
}

// A damaged state is noticed, and the one before it serves.
func TestDamagedState(t *testing.T) {
	text := study(20, "checkpoint {\n every = 5\n}")
	straight, l := newLab(t), newLab(t)
	straight.must(text, 20)
	if err := l.run(text, 12); !errors.Is(err, errStop) {
		t.Fatal(err)
	}
	damaged := 0 // steps
	for e := range l.store.Entries(context.Background(), pipeline.StateBlock, "lm") {
		a, ok := e.Artifact("state")
		if !ok {
			continue
		}
		hex := a.Digest.Hex()
		path := filepath.Join("/store/blobs/sha256", hex[:2], hex)
		f, err := l.fs.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if err := l.fs.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		w, err := l.fs.OpenFile(path, os.O_RDWR, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.WriteAt([]byte{0xff, 0xff, 0xff}, a.Size/2); err != nil {
			t.Fatal(err)
		}
		w.Close()
		damaged = l.stepOf(e)
		break // the newest only
	}
	if damaged == 0 {
		t.Fatal("there was no state to damage")
	}
	if err := l.run(text, 0); err != nil {
		t.Fatal(err)
	}
	if l.computed <= 20-damaged || l.computed == 20 {
		t.Errorf("it computed %d steps after the state at %d was damaged", l.computed, damaged)
	}
	l.same(straight, text)
}

// stepOf reads how many steps a state has behind it.
func (l *lab) stepOf(e cache.Entry) int {
	l.t.Helper()
	a, _ := e.Artifact("note")
	raw, err := cache.ReadAll(context.Background(), l.store, a.Digest)
	var note struct {
		Step int `json:"step"`
	}
	if err := errors.Join(err, json.Unmarshal(raw, &note)); err != nil {
		l.t.Fatal(err)
	}
	return note.Step
}

// A loss that leaves all bounds is an outcome, confirmed and cached.
func TestDivergence(t *testing.T) {
	l := newLab(t)
	text := strings.Replace(study(20, "diverge_above = 5.6\nclip_norm = 0"), "learning_rate = 0.01", "learning_rate = 3", 1)
	if err := l.run(text, 0); err != nil {
		t.Fatal(err)
	}
	metrics, _ := l.result(text)
	if !strings.Contains(metrics, `"name":"diverged","value":1`) {
		t.Errorf("the metrics do not say so:\n%s", metrics)
	}
	if strings.Contains(metrics, "NaN") || strings.Count(metrics, "train_loss") > 20 {
		t.Errorf("metrics:\n%s", metrics)
	}
	if _, ok := l.plan(text).Entry().Artifact("checkpoint"); ok {
		t.Error("a diverged trial has a checkpoint")
	}
}

// Who looks, and how often, never touches the state.
func TestObserversOnOff(t *testing.T) {
	l, other := newLab(t), newLab(t)
	often, rarely := study(20, "evaluate {\n every = 1\n}"), study(20, "evaluate {\n every = 1000\n}")
	l.must(often, 20)
	other.must(rarely, 20)
	_, a := l.result(often)
	_, b := other.result(rarely)
	if a != b {
		t.Errorf("the final states differ: %s and %s", a, b)
	}
}
