// Package backend opens the backends that trials run on: the pure-Go backend, and
// XLA in binaries built with the tag xla, which needs cgo and Linux. Every binary
// can look for XLA's plugins and devices, so that it can say what is missing.
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
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"

	"ablate/stages/internal/kernels"
)

// Names lists the backends that a study may name, whether or not this binary has
// them.
func Names() []string { return []string{"go", "xla:cpu", "xla:cuda"} }

// Lacks says why this binary cannot use a backend on any machine; "" if it can.
func Lacks(name string) string {
	if err := builtWithXLA(); name != "go" && err != nil {
		return err.Error()
	}
	return ""
}

// Open returns a backend that uses about so many threads. Results do not depend on
// their number.
func Open(name string, threads int) (compute.Backend, error) {
	switch name {
	case "go":
		return openGo(threads)
	case "xla:cpu", "xla:cuda":
		return openXLA(name)
	}
	return nil, fmt.Errorf("unknown backend %q", name)
}

// Configure sets the flags with which the backend opens. XLA reads them when the
// first client of the process opens. With deterministic, XLA only makes GPU programs
// that repeat their bits, and chooses no kernel by timing. Without, its choices are
// kept for the next process.
func Configure(name string, deterministic bool) error {
	if name == "go" {
		return nil
	}
	if deterministic {
		return addFlag("--xla_gpu_deterministic_ops=true")
	}
	if t := tuningOf(name); t != nil {
		return addFlag(t.flag())
	}
	return nil
}

// addFlag adds a flag of XLA, once.
func addFlag(flag string) error {
	const variable = "XLA_FLAGS"
	flags := strings.Fields(os.Getenv(variable))
	if slices.Contains(flags, flag) {
		return nil
	}
	if err := os.Setenv(variable, strings.Join(append(flags, flag), " ")); err != nil {
		return fmt.Errorf("setting %s: %w", variable, err)
	}
	return nil
}

// errWithoutXLA is the error of binaries built without the tag xla.
var errWithoutXLA = errors.New("this binary was built without XLA; build it with make build-xla")

// pool is the Go backend's worker pool.
type pool interface{ SetMaxParallelism(int) }

// openGo opens the pure-Go backend with operations in sequence. By default it runs
// independent operations at the same time, and two large matrix products then wait
// for each other's workers forever. The number of workers is not set by an option
// because the option parser prints to stdout.
func openGo(threads int) (compute.Backend, error) {
	b, err := gobackend.New("ops_sequential")
	if err != nil {
		return nil, fmt.Errorf("opening the Go backend: %w", err)
	}
	field := reflect.ValueOf(b).Elem().FieldByName("Workers")
	if !field.IsValid() {
		return nil, errors.New("opening the Go backend: it has no worker pool")
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

// buildInfo parses the description of the program once, since every trial of a plan
// asks for its class.
var buildInfo = sync.OnceValues(debug.ReadBuildInfo)

// Numerics is what a trial says of its arithmetic that decides its class.
type Numerics struct {
	Deterministic bool // what Configure was given
	Half          bool // products have bfloat16 factors
}

// Class returns the numerics class of a backend: everything that may change the last
// bits of a result, such as instruction set, toolchain and library versions. Within
// one class results are identical.
func Class(name string, n Numerics) string {
	parts := []string{name, runtime.GOARCH}
	xla := name != "go"
	if xla {
		parts = append(parts, xlaClass(name, n.Deterministic)...)
	} else {
		parts = append(parts, "kernels="+kernels.Class(n.Half), "arithmetic="+arithmetic[n.Half]())
	}
	parts = append(parts, runtime.Version())
	if info, ok := buildInfo(); ok {
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
