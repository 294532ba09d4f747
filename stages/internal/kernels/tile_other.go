//go:build !amd64 && !arm64

package kernels

// hasTiles says whether products run here; elsewhere the backend's own do.
const hasTiles = false

var wideTiles = false

func tile([]float32, int, []float32, int, int, []float32, int, bool) {
	panic("kernels: no tiles on this machine")
}
