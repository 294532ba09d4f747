package train

// step runs a single step.
func (m *machine) step(step int, multiplier float32, tokens []int32, noise []uint32) (loss, norm float64, err error) {
	losses, norms, err := m.steps(step, []stepInput{{multiplier, tokens, noise}})
	if err != nil {
		return 0, 0, err
	}
	return float64(losses[0]), float64(norms[0]), nil
}
