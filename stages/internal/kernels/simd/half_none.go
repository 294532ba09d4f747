//go:build !amd64 && !arm64

package simd

const hasPacking = false

func processorHalves() []*HalfTiles { return nil }

func packTwo8(to *uint32, low, high *float32, n int) { panic("simd: this processor has no bfloat16") }

func packRun8(to *uint32, x *float32, n int) { panic("simd: this processor has no bfloat16") }
