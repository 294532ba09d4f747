package train

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/gomlx/compute"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
)

// progressEvery bounds how often a trial reports.
const progressEvery = 200 * time.Millisecond

// Run implements pipeline.Stage.
func (t *LM) Run(ctx context.Context, env *pipeline.Env) error {
	l, err := t.newLoop(env)
	if err != nil {
		return err
	}
	if err := l.train(ctx); err != nil {
		return err
	}
	l.rows = append(l.rows, row{t.Steps, "val_tokens", float64(len(l.checks) * t.Batch.Sequences * t.Batch.Length)})
	return errors.Join(l.writeMetrics(), l.writeCheckpoint())
}

// loop is one trial under way.
type loop struct {
	spec    *LM
	env     *pipeline.Env
	recipe  *recipe
	machine *machine
	text    corpus
	order   ml.Stream
	checks  [][]int32 // the evaluation's batches
	rows    []row
	shown   time.Time
	started time.Time
}

// row is one line of the metrics.
type row struct {
	Step  int     `json:"step"` // steps done
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

func (t *LM) newLoop(env *pipeline.Env) (*loop, error) {
	b, err := backend.Open(t.Backend, env.Threads)
	if err != nil {
		return nil, diag.Errorf(diag.Path{"backend"}, "Backend not available", "%v.", err).Err()
	}
	l := &loop{spec: t, env: env, recipe: t.recipe(env.Inputs)}
	data := env.Inputs.One("data")
	width := data.Stage.(Tokens).TokenBytes()
	if l.text, err = readTokens(env, data.Artifacts[trainTokens].Digest, width); err != nil {
		return nil, err
	}
	validation, err := readTokens(env, data.Artifacts[validationTokens].Digest, width)
	if err != nil {
		return nil, err
	}
	seed, replicate := env.Inputs.Study.Seed, fmt.Sprint(t.Seed)
	l.order = ml.NewStream(seed, "order", replicate)
	l.checks = evaluationBatches(validation, ml.NewStream(seed, "evaluation"), t.Batch, t.Evaluate.Batches)
	l.machine, err = newMachine(b, l.recipe, initialise(l.recipe.params, ml.NewStream(seed, "init", replicate)))
	return l, err
}

func readTokens(env *pipeline.Env, d cache.Digest, width int) (corpus, error) {
	r, err := env.Open(d)
	if err != nil {
		return corpus{}, fmt.Errorf("opening tokens: %w", err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		return corpus{}, fmt.Errorf("reading tokens: %w", err)
	}
	return corpus{raw, width}, nil
}

// initialise draws the start of every parameter from a stream of its own.
func initialise(params []ml.Param, init ml.Stream) [][]float32 {
	out := make([][]float32, len(params))
	for i, p := range params {
		n := 1
		for _, d := range p.Shape {
			n *= d
		}
		if p.Init.Std > 0 {
			out[i] = init.Sub(p.Path).Normals(n, p.Init.Std)
			continue
		}
		out[i] = make([]float32, n)
		for j := range out[i] {
			out[i][j] = float32(p.Init.Value)
		}
	}
	return out
}

func (l *loop) train(ctx context.Context) error {
	t := l.spec
	l.started = time.Now()
	tokens := make([]int32, t.Accumulate*t.Batch.Sequences*(t.Batch.Length+1))
	for step := range t.Steps {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		trainBatch(tokens, l.text, l.order, t.Batch.Length, step)
		loss, size, err := l.machine.step(step, t.Schedule.at(step, t.Steps), tokens)
		if err != nil {
			return err
		}
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return diverged(step+1, loss)
		}
		l.rows = append(l.rows, row{step + 1, "train_loss", loss}, row{step + 1, "grad_norm", size})
		l.report(step+1, loss)
		if (step+1)%t.Evaluate.Every == 0 || step+1 == t.Steps {
			if err := l.evaluate(step + 1); err != nil {
				return err
			}
		}
	}
	return nil
}

func diverged(step int, loss float64) error {
	return diag.Errorf(nil, "Training diverged",
		"The loss became %v at step %d. Lower the learning rate, lengthen the warmup, or clip the gradient.", loss, step).Err()
}

func (l *loop) evaluate(step int) error {
	sum := 0.0
	for _, batch := range l.checks {
		loss, err := l.machine.evaluate(batch)
		if err != nil {
			return err
		}
		sum += loss
	}
	mean := sum / float64(len(l.checks))
	if math.IsNaN(mean) || math.IsInf(mean, 0) {
		return diverged(step, mean)
	}
	l.rows = append(l.rows, row{step, "val_loss", mean})
	l.env.Log.Info("evaluated", "step", step, "of", l.spec.Steps, "val_loss", mean)
	l.env.Progress(l.progress(step, map[string]float64{"val_loss": mean}))
	return nil
}

func (l *loop) report(step int, loss float64) {
	if now := time.Now(); now.Sub(l.shown) >= progressEvery || step == l.spec.Steps {
		l.shown = now
		l.env.Progress(l.progress(step, map[string]float64{"loss": loss}))
	}
}

func (l *loop) progress(step int, metrics map[string]float64) pipeline.Progress {
	if s := time.Since(l.started).Seconds(); s > 0 {
		metrics["tokens_per_second"] = float64(step*l.spec.tokensPerStep()) / s
	}
	return pipeline.Progress{Step: step, Steps: l.spec.Steps, Metrics: metrics}
}

func (l *loop) writeMetrics() error {
	w, err := l.env.Create(metricsName)
	if err != nil {
		return err
	}
	buf := bufio.NewWriter(w)
	enc := json.NewEncoder(buf)
	for _, r := range l.rows {
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("writing metrics: %w", err)
		}
	}
	return errors.Join(buf.Flush(), w.Close())
}

func (l *loop) writeCheckpoint() error {
	if l.spec.Checkpoint.Keep != "final" {
		return nil
	}
	values, err := l.machine.parameters()
	if err != nil {
		return err
	}
	tensors := make([]ml.Tensor, len(values))
	for i, p := range l.recipe.params {
		tensors[i] = ml.Tensor{Name: p.Path, Shape: p.Shape, F32: values[i]}
	}
	w, err := l.env.Create(checkpointName)
	if err != nil {
		return err
	}
	return errors.Join(ml.WriteSafetensors(w, tensors), w.Close())
}

// machine holds a trial's state on a backend.
type machine struct {
	backend compute.Backend
	np, ns  int
	stepper *ml.Exec
	checker *ml.Exec
	state   []compute.Buffer // parameters, then the optimizer's state
}

func newMachine(b compute.Backend, r *recipe, start [][]float32) (*machine, error) {
	m := &machine{backend: b, np: len(r.params), ns: len(r.states)}
	var err error
	if m.stepper, err = ml.Compile(b, r.step()); err != nil {
		return nil, err
	}
	if m.checker, err = ml.Compile(b, r.evaluate()); err != nil {
		return nil, err
	}
	for i, p := range r.params {
		if err := m.add(p.Shape, start[i]); err != nil {
			return nil, err
		}
	}
	for _, s := range r.states {
		n := 1
		for _, d := range s.Shape {
			n *= d
		}
		if err := m.add(s.Shape, make([]float32, n)); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *machine) add(shape []int, values []float32) error {
	buf, err := ml.NewBuffer(m.backend, shape, values)
	if err == nil {
		m.state = append(m.state, buf)
	}
	return err
}

// step runs one optimizer step; the state never leaves the backend.
func (m *machine) step(step int, multiplier float32, tokens []int32) (loss, size float64, err error) {
	in := m.stepper.Inputs()
	at, err1 := ml.NewBuffer(m.backend, nil, []int32{int32(step)})
	factor, err2 := ml.Scalar(m.backend, multiplier)
	batch, err3 := ml.NewBuffer(m.backend, in[len(in)-1].Shape, tokens)
	if err := errors.Join(err1, err2, err3); err != nil {
		return 0, 0, err
	}
	args := append(m.state[:len(m.state):len(m.state)], at, factor, batch)
	donate := make([]bool, len(args))
	for i := range donate {
		donate[i] = true
	}
	out, err := m.stepper.Run(args, donate)
	if err != nil {
		return 0, 0, err
	}
	last := len(out) - 2
	m.state = out[:last]
	if loss, err = takeScalar(out[last]); err != nil {
		return 0, 0, err
	}
	size, err = takeScalar(out[last+1])
	return loss, size, err
}

// evaluate returns the loss of one batch.
func (m *machine) evaluate(tokens []int32) (float64, error) {
	in := m.checker.Inputs()
	batch, err := ml.NewBuffer(m.backend, in[len(in)-1].Shape, tokens)
	if err != nil {
		return 0, err
	}
	args := append(m.state[:m.np:m.np], batch)
	donate := make([]bool, len(args))
	donate[m.np] = true
	out, err := m.checker.Run(args, donate)
	if err != nil {
		return 0, err
	}
	return takeScalar(out[0])
}

func (m *machine) parameters() ([][]float32, error) {
	out := make([][]float32, m.np)
	for i := range out {
		var err error
		if out[i], err = ml.Float32s(m.state[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// takeScalar reads a scalar and frees its buffer.
func takeScalar(buf compute.Buffer) (float64, error) {
	v, err := ml.Float32s(buf)
	if err != nil {
		return 0, err
	}
	return float64(v[0]), buf.Finalize()
}
