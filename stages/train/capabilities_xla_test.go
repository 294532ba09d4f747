//go:build xla && cgo && linux

package train

import (
	"maps"
	"testing"

	"github.com/gomlx/go-xla/compute/xla"
)

func TestCapabilitiesAreXLAs(t *testing.T) {
	if !maps.Equal(xla.Capabilities.Operations, xlaOperations(false)) {
		t.Errorf("go-xla claims %v", xla.Capabilities.Operations)
	}
	if !xla.Capabilities.Functions || xla.Capabilities.DynamicAxes {
		t.Error("go-xla's functions or dynamic axes are not what the test assumes")
	}
}
