package train

import (
	"log/slog"

	"github.com/gomlx/compute"
)

// step runs a single step.
func (m *machine) step(step int, multiplier float32, tokens []int32, noise []uint32) (loss, norm float64, err error) {
	losses, norms, err := m.steps(step, []stepInput{{multiplier, tokens, noise}})
	if err != nil {
		return 0, 0, err
	}
	return float64(losses[0]), float64(norms[0]), nil
}

// startedMachine is a machine with a first state.
func startedMachine(b compute.Backend, r *recipe, most int, start [][]float32) (*machine, error) {
	m, err := newMachine(&client{backend: b}, r, programKeys{}, most, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return m, m.set(start)
}
