//go:build !amd64

package simd

// tileShapes are the shapes that the processor has tiles of.
func tileShapes() []tileShape { return []tileShape{tiles} }
