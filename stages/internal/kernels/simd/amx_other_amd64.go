//go:build amd64 && !linux

package simd

// allowTileData reports false: AMX is only used under Linux.
func allowTileData() bool { return false }
