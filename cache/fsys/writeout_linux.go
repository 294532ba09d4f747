package fsys

import (
	"os"

	"github.com/spf13/afero"
	"golang.org/x/sys/unix"
)

// WriteOut makes the kernel start writing a part of a file to the disk, so that a
// later Sync waits less. It is only a hint.
func WriteOut(f afero.File, offset, size int64) {
	if file, ok := f.(*os.File); ok {
		_ = unix.SyncFileRange(int(file.Fd()), offset, size, unix.SYNC_FILE_RANGE_WRITE) // Sync reports what fails
	}
}
