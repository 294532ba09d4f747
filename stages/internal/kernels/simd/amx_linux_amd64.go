package simd

import "golang.org/x/sys/unix"

// allowTileData asks the system to let this process use the tiles of AMX, whose state
// is large. It reports whether the system does.
func allowTileData() bool {
	const (
		archRequestComponent = 0x1023
		tileData             = 18
	)
	_, _, errno := unix.RawSyscall(unix.SYS_ARCH_PRCTL, archRequestComponent, tileData, 0)
	return errno == 0
}
