//go:build arm64 && !linux && !darwin

package simd

func hasBF16() bool { return false }
