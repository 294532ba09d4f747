package fsys

import (
	"os"

	"github.com/spf13/afero"
	"golang.org/x/sys/unix"
)

// WriteOut has the system begin to write a part of a file to the disk, so that
// a Sync later finds less to wait for. It is a hint and promises nothing.
func WriteOut(f afero.File, offset, size int64) {
	if file, ok := f.(*os.File); ok {
		_ = unix.SyncFileRange(int(file.Fd()), offset, size, unix.SYNC_FILE_RANGE_WRITE) // Sync reports what fails
	}
}
