package simd

import "unsafe"

// stream128 copies n > 0 groups of 128 bytes past the caches. The target is aligned to
// 32 bytes.
//
//go:noescape
func stream128(to, from *float32, n int)

// stream copies numbers that are not read soon. They are written to memory without
// reading its cache lines first, and displace nothing from the caches.
func stream(to, from []float32) {
	const group, alignment = 32, 64 // of a cache line: one that is written in part is read first
	n := len(from) / group
	if !HasTiles || n == 0 || uintptr(unsafe.Pointer(&to[0]))%alignment != 0 {
		copy(to, from)
		return
	}
	_ = to[n*group-1]
	stream128(&to[0], &from[0], n)
	copy(to[n*group:], from[n*group:])
}
