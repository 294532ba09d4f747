//go:build !amd64 && !arm64

package simd

func processorHalves() []*HalfTiles { return nil }
