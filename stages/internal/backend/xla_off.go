//go:build !(xla && cgo && linux)

package backend

import "github.com/gomlx/compute"

func builtWithXLA() error { return errWithoutXLA }

func openXLA(string) (compute.Backend, error) { return nil, errWithoutXLA }

func loadPlugin(string) (string, error) { return "", errWithoutXLA }
