//go:build xla && cgo && linux

package train

import (
	"os"
	"sync"
	"testing"

	"ablate/stages/internal/backend"
)

// compileQuickly makes XLA spend less on optimizing programs that run for a moment.
// XLA reads its flags when the first client opens.
var compileQuickly = sync.OnceValue(func() error {
	return os.Setenv("XLA_FLAGS", os.Getenv("XLA_FLAGS")+" --xla_backend_optimization_level=0 --xla_cpu_parallel_codegen_split_count=1")
})

// RequireXLA skips a test on a machine without a plugin for the CPU. With
// ABLATE_REQUIRE set it fails instead.
func RequireXLA(t *testing.T) {
	t.Helper()
	if err := compileQuickly(); err != nil {
		t.Fatal(err)
	}
	if _, err := backend.FindPlugin("xla:cpu"); err != nil {
		if os.Getenv("ABLATE_REQUIRE") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// TestXLAParity is TestPyTorchParity on XLA.
func TestXLAParity(t *testing.T) {
	RequireXLA(t)
	testParity(t, "xla:cpu")
}

// TestXLAAutocast is TestAutocast on XLA.
func TestXLAAutocast(t *testing.T) {
	RequireXLA(t)
	testAutocast(t, "xla:cpu")
}
