//go:build xla && cgo && linux

package backend

// #cgo LDFLAGS: -ldl
// #include <dlfcn.h>
// #include <stddef.h>
// #include <stdlib.h>
//
// // The head of PJRT_Api, which no version of the interface changes.
// typedef struct {
//   size_t size;
//   void *extensions;
//   struct { size_t size; void *extensions; int major, minor; } version;
// } api_head;
//
// static const api_head *head_of(void *get) { return ((const api_head *(*)(void))get)(); }
import "C"

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
)

// Plugins are installed by the user.
func init() { xla.EnableAutoInstall(false) }

func builtWithXLA() error { return nil }

// minFunctions is the number of functions that a plugin's table must have for go-xla:
// it calls functions up to PJRT_Executable_GetCompiledMemoryStats and does not check
// the size of the table.
const minFunctions = 97

// loadPlugin loads a plugin and returns the version of its interface. It calls only
// GetPjrtApi.
func loadPlugin(path string) (string, error) {
	file := C.CString(path)
	defer C.free(unsafe.Pointer(file))
	handle := C.dlopen(file, C.RTLD_LAZY|C.RTLD_LOCAL)
	if handle == nil {
		return "", fmt.Errorf("loading the plugin: %s", C.GoString(C.dlerror()))
	}
	symbol := C.CString("GetPjrtApi")
	defer C.free(unsafe.Pointer(symbol))
	get := C.dlsym(handle, symbol)
	if get == nil {
		return "", fmt.Errorf("%s is not a PJRT plugin: it does not export GetPjrtApi", path)
	}
	head := C.head_of(get)
	if head == nil {
		return "", fmt.Errorf("the plugin %s returns no interface", path)
	}
	version := fmt.Sprintf("%d.%d", head.version.major, head.version.minor)
	functions := (int(head.size) - int(unsafe.Sizeof(*head))) / int(unsafe.Sizeof(uintptr(0)))
	switch {
	case head.version.major != 0:
		return version, fmt.Errorf("the plugin %s has version %s of the PJRT interface, but ablate supports only 0.x. Install an older JAX or a newer ablate", path, version)
	case functions < minFunctions:
		return version, fmt.Errorf("the plugin %s is too old: its version %s of the PJRT interface has %d functions, but %d are needed. Install a newer JAX: pip install --upgrade \"jax[cuda12]\"",
			path, version, functions, minFunctions)
	}
	return version, nil
}

// openXLA opens a client on the first device that is visible to the process.
func openXLA(name string) (compute.Backend, error) {
	here := machine()
	found := here.plugins[name]
	if found.err != nil {
		return nil, found.err
	}
	if name == "xla:cuda" && here.driver != nil {
		return nil, here.driver
	}
	path := found.plugin.Path
	if _, err := loadPlugin(path); err != nil {
		return nil, err
	}
	// go-xla separates options by commas and recognizes CUDA's plugin by its path.
	upper := strings.ToUpper(path)
	if strings.Contains(path, ",") || name == "xla:cpu" && (strings.Contains(upper, "CUDA") || strings.Contains(upper, "NVIDIA")) {
		return nil, fmt.Errorf("the plugin %s cannot be loaded from this path: it must not contain a comma, nor cuda or nvidia for the CPU. Move or link it to another folder", path)
	}
	// Precision "fp32" means fp32. Without the option, products use TF32.
	options := ",tf32=false"
	if name == "xla:cuda" {
		options += ",shared_buffers=false"
	}
	b, err := xla.New(path + options)
	if err != nil {
		return nil, fmt.Errorf("opening %s with the plugin %s: %w", name, path, firstLine(err))
	}
	inner, ok := b.(*xla.Backend)
	if !ok {
		return nil, fmt.Errorf("opening %s: go-xla returned a %T", name, b)
	}
	if t := tuningOf(name); t != nil && strings.Contains(os.Getenv("XLA_FLAGS"), t.flag()) {
		return xlaBackend{Backend: inner, tuning: t}, nil
	}
	return InPlace(inner), nil
}

// firstLine drops the stack trace of an error from C++.
func firstLine(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(line)
}
