//go:build !(xla && cgo && linux)

package backend_test

import (
	"strings"
	"testing"

	"ablate/stages/internal/backend"
)

func TestOpenWithoutXLA(t *testing.T) {
	for _, name := range []string{"xla:cpu", "xla:cuda"} {
		if _, err := backend.Open(name, 1); err == nil || !strings.Contains(err.Error(), "this binary was built without XLA; build it with make build-xla") {
			t.Errorf("Open(%s) = %v", name, err)
		}
	}
}
