package train

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gomlx/compute"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
	"ablate/stages/record"
)

// Run implements pipeline.Stage.
func (t *LM) Run(ctx context.Context, env *pipeline.Env) error {
	return t.explain(env.Inputs, t.run(ctx, env, backend.Open))
}

// opener opens a backend with a number of threads. Scenes of behaviour pass one that
// records.
type opener func(name string, threads int) (compute.Backend, error)

func (t *LM) run(ctx context.Context, env *pipeline.Env, open opener) error {
	text, err := t.tokens(env, trainTokens)
	if err != nil {
		return err
	}
	defer text.Close()
	l, err := t.newLoop(ctx, env, open, text)
	if err != nil {
		return err
	}
	defer l.close()
	if err := l.trainAll(ctx); err != nil {
		return err
	}
	if l.diverged != nil {
		l.warnOf(l.diverged)
	} else if t.Checkpoint.Keep != "none" {
		if err := l.writeCheckpoint(ctx); err != nil { // first, since it may adopt the states of another process, with other rows
			return err
		}
	}
	if err := errors.Join(l.writeMetrics(ctx), l.writeProbes(ctx)); err != nil {
		return err
	}
	if env.Computed != nil {
		env.Computed(float64(l.done) / float64(t.Steps))
	}
	env.Log.Info("trained", "steps", t.Steps, "computed", l.done)
	return l.journal.sweep(ctx)
}

func (t *LM) newLoop(ctx context.Context, env *pipeline.Env, open opener, text *cache.Mapped) (*loop, error) {
	c, err := t.client(env, open)
	if err != nil {
		return nil, diag.Errorf(diag.Path{"backend"}, "Backend not available", "%v.", err).Err()
	}
	l := &loop{spec: t, env: env, recipe: t.recipe(env.Inputs), at: -1, rows: make(map[int][]record.Row)}
	validation, err := t.tokens(env, validationTokens)
	if err != nil {
		return nil, err
	}
	defer validation.Close()
	width := t.tokenBytes(env)
	seed, replicate := env.Inputs.Study.Seed, fmt.Sprint(t.Seed)
	order := ml.NewStream(seed, "order", replicate)
	l.feed = newFeed(t.Accumulate*t.Batch.Sequences*(t.Batch.Length+1), func(dst []int32, step int) error {
		return text.Use(func(b []byte) { trainBatch(dst, corpus{b, width}, order, t.Batch.Length, step) })
	})
	l.dropout = ml.NewStream(seed, "dropout", replicate)
	err = validation.Use(func(b []byte) {
		l.checks = evaluationBatches(corpus{b, width}, ml.NewStream(seed, "evaluation"), t.Batch, t.Evaluate.Batches)
	})
	if err != nil {
		return nil, fmt.Errorf("reading tokens: %w", err)
	}
	l.init = func() [][]float32 { return initialise(l.recipe.layout(), ml.NewStream(seed, "init", replicate)) }
	if l.journal, err = openJournal(ctx, t, env.Inputs, env.States); err != nil {
		return nil, err
	}
	l.perCall = t.stepsPerCall(env.Inputs)
	keys, err := t.programKeys(env.Inputs)
	if err != nil {
		return nil, err
	}
	computed := l.recipe
	if t.Backend != "go" {
		computed = computed.lower()
	}
	l.machine, err = newMachine(c, computed, keys, stepsCompiled(t.Backend), env.Log)
	return l, err
}

// close frees the trial's memory on the device, which another trial of this process
// may need.
func (l *loop) close() {
	if err := l.machine.close(); err != nil {
		l.env.Log.Warn("memory of the device could not be freed", "error", err)
	}
}

// tokens maps a text of the trial's data. Corpora may be larger than memory, and
// concurrent trials share the pages.
func (t *LM) tokens(env *pipeline.Env, name string) (*cache.Mapped, error) {
	m, err := env.Map(env.Inputs.One("data").Digest(name))
	if err != nil {
		return nil, fmt.Errorf("opening tokens: %w", err)
	}
	return m, nil
}

func (t *LM) tokenBytes(env *pipeline.Env) int {
	return env.Inputs.One("data").Stage.(Tokens).TokenBytes()
}

// initialise draws the initial values of every tensor from a stream of its own.
func initialise(params []ml.Param, init ml.Stream) [][]float32 {
	out := make([][]float32, len(params))
	for i, p := range params {
		if p.Init.Std > 0 {
			out[i] = init.Sub(p.Path).Normals(int(p.Size()), p.Init.Std)
			continue
		}
		out[i] = make([]float32, p.Size())
		for j := range out[i] {
			out[i][j] = float32(p.Init.Value)
		}
	}
	return out
}

// last is the step at which the trial ended.
func (l *loop) last() int {
	if l.diverged != nil {
		return l.diverged.step
	}
	return l.spec.Steps
}

// observations calls take with the rows that the observers of an output have for a
// step. A diverged step has none.
func (l *loop) observations(ctx context.Context, step int, output string, take func([]record.Row) error) error {
	if l.diverged != nil && step == l.diverged.step {
		return nil
	}
	for i, o := range l.journal.observers {
		e, ok := l.journal.seen[observedAt{i, step}]
		if !ok || o.output != output || !o.due(step, l.spec.Steps) {
			continue
		}
		l.recordClass(e.Class)
		rows, err := l.journal.observation(ctx, observedAt{i, step})
		if err != nil {
			return err
		}
		if err := take(rows); err != nil {
			return err
		}
	}
	return nil
}

// writeMetrics writes all rows by step, whether they come from this run, from the
// states that it resumed from, or from observations.
func (l *loop) writeMetrics(ctx context.Context) error {
	return l.writeTo(record.Metrics, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		write := func(rows []record.Row) error {
			for _, r := range rows {
				if err := enc.Encode(r); err != nil {
					return err
				}
			}
			return nil
		}
		last := l.last()
		for step := 1; step <= last; step++ {
			if err := write(l.rows[step]); err != nil {
				return err
			}
			if err := l.observations(ctx, step, record.Metrics, write); err != nil {
				return err
			}
		}
		tail := []record.Row{{Step: last, Name: record.EvaluationTokens, Value: float64(len(l.checks) * l.spec.Batch.Sequences * l.spec.Batch.Length)}}
		if l.diverged != nil {
			tail = append(tail, record.Row{Step: last, Name: record.Diverged, Value: 1})
		}
		return write(tail)
	})
}

// writeProbes writes all readings as CSV.
func (l *loop) writeProbes(ctx context.Context) error {
	if l.spec.Probe.Every == 0 {
		return nil
	}
	return l.writeTo(record.Probes, func(w io.Writer) error {
		if _, err := io.WriteString(w, "step,path,quantity,value\n"); err != nil {
			return err
		}
		for step := 1; step <= l.last(); step++ {
			err := l.observations(ctx, step, record.Probes, func(rows []record.Row) error {
				_, err := io.WriteString(w, strings.Join(probeRows(rows), ""))
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// writeTo writes one output.
func (l *loop) writeTo(name string, write func(io.Writer) error) error {
	w, err := l.env.Create(name)
	if err != nil {
		return err
	}
	buf := bufio.NewWriter(w)
	if err := write(buf); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return errors.Join(buf.Flush(), w.Close())
}

func (l *loop) writeCheckpoint(ctx context.Context) error {
	last := l.spec.Steps
	if err := l.goTo(ctx, last); err != nil {
		return err
	}
	if s := l.journal.saved[true][last]; s == nil || !s.loadable {
		err := l.writeNow(ctx, true)
		var o overtaken
		if errors.As(err, &o) {
			err = l.adopt(ctx, o)
		}
		if err != nil {
			return err
		}
	}
	params, _, err := l.machine.save()
	if err != nil {
		return err
	}
	return l.writeTo(record.Checkpoint, func(w io.Writer) error { return ml.WriteSafetensors(w, nil, params) })
}
