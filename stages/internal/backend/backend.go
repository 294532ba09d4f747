// Package backend opens the machines that programs run on: the pure-Go backend
// always, XLA's where the binary was built with the tag xla, which needs cgo and
// Linux. What does not need XLA itself, such as finding its plugins, is in every
// binary, so that every binary can say what is missing.
package backend

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"

	"ablate/stages/internal/kernels"
)

// Names lists what a study may ask for, whether or not this binary has it.
func Names() []string { return []string{"go", "xla:cpu", "xla:cuda"} }

// Open returns a backend that uses about that many cores. Results do not
// depend on the number.
func Open(name string, threads int) (compute.Backend, error) {
	switch name {
	case "go":
		return openGo(threads)
	case "xla:cpu", "xla:cuda":
		return openXLA(name)
	}
	return nil, fmt.Errorf("there is no backend %q", name)
}

// MakeDeterministic tells XLA, which reads its flags when a backend opens for
// the first time, to use only what repeats its bits. It holds for the whole
// process.
func MakeDeterministic() error {
	const variable, flag = "XLA_FLAGS", "--xla_gpu_deterministic_ops=true"
	flags := strings.Fields(os.Getenv(variable))
	if slices.Contains(flags, flag) {
		return nil
	}
	if err := os.Setenv(variable, strings.Join(append(flags, flag), " ")); err != nil {
		return fmt.Errorf("setting %s: %w", variable, err)
	}
	return nil
}

// errWithoutXLA is the answer of binaries that were built without the tag.
var errWithoutXLA = errors.New("this binary was built without XLA: make build-xla")

// pool is what the Go backend's worker pool lets us set.
type pool interface{ SetMaxParallelism(int) }

// openGo builds the pure-Go backend with operations in sequence. Left to
// itself it runs independent operations side by side, and two large matrix
// products then wait for each other's workers for ever. The number of workers
// is set behind the option parser, which would print a line on stdout.
func openGo(threads int) (compute.Backend, error) {
	b, err := gobackend.New("ops_sequential")
	if err != nil {
		return nil, fmt.Errorf("opening the Go backend: %w", err)
	}
	field := reflect.ValueOf(b).Elem().FieldByName("Workers")
	if !field.IsValid() {
		return nil, errors.New("opening the Go backend: it has no worker pool to configure")
	}
	p, ok := field.Interface().(pool)
	if !ok {
		return nil, errors.New("opening the Go backend: its worker pool cannot be configured")
	}
	fast, err := kernels.Install(b)
	if err != nil {
		slog.Warn("the Go backend runs without kernels and is many times slower", "error", err)
		fast = b
	}
	if threads <= 1 {
		threads = 0 // inline, without a pool
	}
	p.SetMaxParallelism(threads)
	return fast, nil
}

// Class names what may change the last bits of a result: backend, instruction
// set, toolchain and library versions. Within one class results are identical.
func Class(name string) string {
	parts := []string{name, runtime.GOARCH}
	xla := name != "go"
	if xla {
		parts = append(parts, xlaClass(name)...)
	} else {
		parts = append(parts, "kernels="+kernels.Class())
	}
	parts = append(parts, runtime.Version())
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if strings.HasPrefix(dep.Path, "github.com/gomlx/") && (xla || !strings.HasSuffix(dep.Path, "/go-xla")) {
				parts = append(parts, strings.TrimPrefix(dep.Path, "github.com/gomlx/")+"@"+dep.Version)
			}
		}
		for _, s := range info.Settings {
			if s.Key == "GOAMD64" || s.Key == "GOARM64" {
				parts = append(parts, s.Key+"="+s.Value)
			}
		}
	}
	return strings.Join(parts, " ")
}
