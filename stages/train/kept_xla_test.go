//go:build xla && cgo && linux

package train_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/go-xla/pjrt"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/launch"
	files "ablate/pipeline/source"
	"ablate/stages"
	"ablate/stages/train"
)

// served is a child process of a run, in this process.
type served struct {
	lab      *lab
	requests *io.PipeWriter
	answers  *json.Decoder
	end      chan error
}

func serve(l *lab) *served {
	in, requests := io.Pipe()
	answers, out := io.Pipe()
	s := &served{l, requests, json.NewDecoder(answers), make(chan error, 1)}
	child := launch.Child{
		Kinds: stages.All(), Store: l.store, Memo: l.store.Memo(cache.Digest{}), Log: slog.New(l),
		Sources: func(string) (pipeline.Sources, error) { return files.Folder{Dir: l.dir}, nil },
	}
	go func() { s.end <- child.Serve(l.t.Context(), in, out) }()
	l.t.Cleanup(s.close)
	return s
}

func (s *served) close() { s.requests.Close() }

// request is the trial of a study as a request.
func (l *lab) request(text string) action.Request {
	l.t.Helper()
	a, err := l.plan(text).Action()
	if err != nil {
		l.t.Fatal(err)
	}
	if a == nil {
		l.t.Fatal("the trial's key is not known")
	}
	req, err := a.Request(files.Folder{Dir: l.dir})
	if err != nil {
		l.t.Fatal(err)
	}
	return req
}

// compute has the process compute a trial, and returns the names of the programs that
// it compiled for it.
func (s *served) compute(text string) []string {
	s.lab.t.Helper()
	req := s.lab.request(text)
	s.lab.compiled = nil
	if err := json.NewEncoder(s.requests).Encode(req); err != nil {
		s.lab.t.Fatal(err)
	}
	for {
		var answer struct {
			Done   *struct{}
			Failed *struct{ Text string }
		}
		if err := s.answers.Decode(&answer); err != nil {
			s.lab.t.Fatal(err)
		}
		if answer.Failed != nil {
			s.lab.t.Fatal(answer.Failed.Text)
		}
		if answer.Done != nil {
			slices.Sort(s.lab.compiled)
			return s.lab.compiled
		}
	}
}

// seeded is a variant with a seed, on xla:cpu.
func seeded(v variant, seed int) string {
	v.train += fmt.Sprintf("\nseed = %d", seed)
	return v.text("xla:cpu")
}

// laboratory is a lab whose data is cached.
func laboratory(t *testing.T) *lab {
	l := newLab(t)
	if err := l.run(variant{}.text("go"), 0); err != nil {
		t.Fatal(err)
	}
	return l
}

// A process compiles the programs of a computation once, whatever it computes in
// between, and its trials have the bytes of trials in processes of their own.
func TestXLACompilesOnce(t *testing.T) {
	train.RequireXLA(t)
	base := variant{norm: block("norm", "derf", "ema_blend {}")}
	other := base
	other.optimizer = block("optimizer", "sgd", "learning_rate = 0.1")
	wild := base
	wild.train = "diverge_above = 1"
	one := laboratory(t)
	s := serve(one)
	var texts []string
	for _, c := range []struct {
		of   variant
		seed int
		want string
	}{
		{base, 1, "evaluate launch probe"}, {base, 2, ""},
		{other, 1, "launch"}, // evaluations and probes do not depend on the optimizer
		{base, 3, ""}, {other, 2, ""},
		{wild, 1, ""}, {wild, 2, ""},
	} {
		text := seeded(c.of, c.seed)
		if got := strings.Join(s.compute(text), " "); got != c.want {
			t.Errorf("trial %d compiled %q, want %q", len(texts), got, c.want)
		}
		texts = append(texts, text)
	}
	if metrics, _ := one.result(texts[len(texts)-1]); !strings.Contains(metrics, `"name":"diverged"`) {
		t.Errorf("the last trial did not diverge:\n%s", metrics)
	}
	own := laboratory(t)
	third := texts[3] // its programs were compiled for others
	if got := serve(own).compute(third); len(got) != 3 {
		t.Errorf("a process of its own compiled %v", got)
	}
	one.same(own, third)
}

// A process that computes many trials holds no memory of those that ended.
func TestXLAHoldsNoBuffers(t *testing.T) {
	train.RequireXLA(t)
	l := laboratory(t)
	s := serve(l)
	var buffers, programs int64
	for seed := range 20 {
		text := strings.Replace(seeded(variant{train: probe}, seed), "steps     = 20", "steps = 3", 1)
		s.compute(text)
		if seed == 0 {
			buffers, programs = pjrt.BuffersAlive(), pjrt.LoadedExecutablesAlive()
		}
	}
	if b, p := pjrt.BuffersAlive(), pjrt.LoadedExecutablesAlive(); b > buffers || p > programs {
		t.Errorf("after 20 trials there are %d buffers and %d programs, after one %d and %d", b, p, buffers, programs)
	}
}
