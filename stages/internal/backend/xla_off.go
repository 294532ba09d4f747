//go:build !(xla && cgo && linux)

package backend

import "github.com/gomlx/compute"

func builtWithXLA() error { return errWithoutXLA }

func openXLA(string) (compute.Backend, error) { return nil, errWithoutXLA }

// MemoryOf returns the memory that a program takes on its device, in bytes, as its
// compiler counts it: inputs, outputs and temporary values, each byte once. 0 means
// unknown.
func MemoryOf(compute.Executable) int64 { return 0 }

func loadPlugin(string) (string, error) { return "", errWithoutXLA }
