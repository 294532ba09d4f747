package train

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/gomlx/compute"

	"ablate/stages/internal/ml"
)

// machine holds a trial's state on a backend.
type machine struct {
	client  *client
	backend compute.Backend
	recipe  *recipe
	keys    programKeys
	log     *slog.Logger
	most    int // steps that stepper can run in one call
	stepper *compiled
	checker *compiled
	looking *compiled        // compiled at the first probe
	state   []compute.Buffer // parameters, then the optimizer's state
}

// newMachine compiles a trial's programs, for up to most steps in one call. It has no
// state until set or load.
func newMachine(c *client, r *recipe, keys programKeys, most int, log *slog.Logger) (*machine, error) {
	m := &machine{client: c, backend: c.backend, recipe: r, keys: keys, most: most, log: log}
	stepper := r.step()
	if most > 1 {
		stepper = r.launch(most)
	}
	var err error
	if m.stepper, err = c.compile(keys.step, stepper, log); err != nil {
		return nil, err
	}
	if m.checker, err = c.compile(keys.evaluate, r.evaluate(), log); err != nil {
		return nil, err
	}
	return m, nil
}

// close frees the state.
func (m *machine) close() error {
	state := m.state
	m.state = nil
	return free(state)
}

// free frees buffers.
func free(buffers []compute.Buffer) error {
	var errs []error
	for _, buf := range buffers {
		if err := buf.Finalize(); err != nil {
			errs = append(errs, &ml.DeviceError{Err: fmt.Errorf("freeing a buffer: %w", err)})
		}
	}
	return errors.Join(errs...)
}

// set replaces the state by the values of all tensors that layout lists.
func (m *machine) set(values [][]float32) error {
	if err := m.close(); err != nil {
		return err
	}
	for i, p := range m.recipe.layout() {
		buf, err := ml.NewBuffer(m.backend, p.Shape, values[i])
		if err != nil {
			return err
		}
		m.state = append(m.state, buf)
	}
	return nil
}

// load sets a saved state, which must have exactly the tensors of layout.
func (m *machine) load(tensors []ml.Tensor) error {
	byName := make(map[string]ml.Tensor, len(tensors))
	for _, t := range tensors {
		byName[t.Name] = t
	}
	layout := m.recipe.layout()
	if len(byName) != len(layout) {
		return fmt.Errorf("the state has %d tensors, not %d", len(byName), len(layout))
	}
	values := make([][]float32, len(layout))
	for i, p := range layout {
		t, ok := byName[p.Path]
		if !ok || int64(len(t.F32)) != p.Size() || !slices.Equal(t.Shape, append([]int{}, p.Shape...)) {
			return fmt.Errorf("the state has no tensor %s of shape %v", p.Path, p.Shape)
		}
		values[i] = t.F32
	}
	return m.set(values)
}

// save copies the state to the host: parameters and the optimizer's part.
func (m *machine) save() (params, moments []ml.Tensor, err error) {
	all := make([]ml.Tensor, len(m.state))
	for i, p := range m.recipe.layout() {
		values, err := ml.Float32s(m.state[i])
		if err != nil {
			return nil, nil, err
		}
		all[i] = ml.Tensor{Name: p.Path, Shape: p.Shape, F32: values}
	}
	np := len(m.recipe.params)
	return all[:np], all[np:], nil
}

// stepInput is what the host hands to one step. noise is nil for a model that draws
// none.
type stepInput struct {
	multiplier float32
	tokens     []int32
	noise      []uint32
}

// steps runs optimizer steps from number first on, one or as many as a launch takes,
// and returns their losses and gradient norms. The state never leaves the backend.
func (m *machine) steps(first int, in []stepInput) (losses, norms []float32, err error) {
	args, err := m.arguments(first, in)
	if err != nil {
		return nil, nil, err
	}
	donate := make([]bool, len(args))
	for i := range donate {
		donate[i] = true
	}
	m.state = nil // donated, even if the step fails
	out, err := m.stepper.exec.Run(args, donate)
	if err != nil {
		return nil, nil, err
	}
	last := len(out) - 2
	m.state = out[:last]
	if losses, err = take(out[last]); err != nil {
		return nil, nil, err
	}
	if norms, err = take(out[last+1]); err != nil {
		return nil, nil, err
	}
	return losses[:len(in)], norms[:len(in)], nil
}

// arguments copies the inputs of steps to the backend, behind the state.
func (m *machine) arguments(first int, in []stepInput) ([]compute.Buffer, error) {
	numbers := [][]int32{{int32(first)}}
	if m.most > 1 {
		numbers = append(numbers, []int32{int32(len(in))})
	}
	args := m.state[:len(m.state):len(m.state)]
	add := func(b compute.Buffer, err error) error {
		args = append(args, b)
		return err
	}
	var errs []error
	for _, n := range numbers {
		errs = append(errs, add(ml.NewBuffer(m.backend, nil, n)))
	}
	shapes := m.stepper.exec.Inputs()[len(args):]
	errs = append(errs, add(gathered(m.backend, shapes[0], in, func(s stepInput) []float32 { return []float32{s.multiplier} })),
		add(gathered(m.backend, shapes[1], in, func(s stepInput) []int32 { return s.tokens })))
	if in[0].noise != nil {
		errs = append(errs, add(gathered(m.backend, shapes[2], in, func(s stepInput) []uint32 { return s.noise })))
	}
	return args, errors.Join(errs...)
}

// gathered copies one input of all steps to the backend. A launch of fewer steps than
// it takes has zeros at the end.
func gathered[T float32 | int32 | uint32](b compute.Backend, to ml.Input, in []stepInput, of func(stepInput) []T) (compute.Buffer, error) {
	size := 1
	for _, d := range to.Shape {
		size *= d
	}
	all := make([]T, 0, size)
	for _, s := range in {
		all = append(all, of(s)...)
	}
	return ml.NewBuffer(b, to.Shape, all[:size])
}

// evaluate returns the loss of one batch.
func (m *machine) evaluate(tokens []int32) (float64, error) {
	out, err := m.measure(m.checker, tokens)
	if err != nil {
		return 0, err
	}
	return takeScalar(out)
}

// probe measures the state on one batch.
func (m *machine) probe(tokens []int32) ([]reading, []float32, error) {
	if m.looking == nil {
		p, err := &probe{recipe: m.recipe}, error(nil)
		if m.looking, err = m.client.compile(m.keys.probe, p.program(), m.log); err != nil {
			return nil, nil, err
		}
		if m.looking.readings == nil { // it was compiled, which makes the readings
			m.looking.readings = p.readings
		}
	}
	out, err := m.measure(m.looking, tokens)
	if err != nil {
		return nil, nil, err
	}
	values, err := ml.Float32s(out)
	if err != nil {
		return nil, nil, err
	}
	return m.looking.readings, values, out.Finalize()
}

// measure runs a program of parameters and one batch, which does not change the
// state.
func (m *machine) measure(p *compiled, tokens []int32) (compute.Buffer, error) {
	in := p.exec.Inputs()
	batch, err := ml.NewBuffer(m.backend, in[len(in)-1].Shape, tokens)
	if err != nil {
		return nil, err
	}
	np := len(m.recipe.params)
	args := append(m.state[:np:np], batch)
	donate := make([]bool, len(args))
	donate[np] = true
	out, err := p.exec.Run(args, donate)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// takeScalar reads a scalar and frees its buffer.
func takeScalar(buf compute.Buffer) (float64, error) {
	v, err := take(buf)
	if err != nil {
		return 0, err
	}
	return float64(v[0]), nil
}

// take reads a buffer and frees it.
func take(buf compute.Buffer) ([]float32, error) {
	v, err := ml.Float32s(buf)
	if err != nil {
		return nil, err
	}
	return v, buf.Finalize()
}
