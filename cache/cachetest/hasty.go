package cachetest

import (
	"os"

	"github.com/spf13/afero"

	"ablate/cache/fsys"
)

// Hasty is the machine's file system without syncing, for stores with many entries
// that need not survive a power failure.
type Hasty struct{ fsys.OS }

// SyncDir implements fsys.FS.
func (Hasty) SyncDir(string) error { return nil }

// OpenFile implements afero.Fs.
func (h Hasty) OpenFile(name string, flag int, mode os.FileMode) (afero.File, error) {
	f, err := h.OS.OpenFile(name, flag, mode)
	return hastyFile{f}, err
}

type hastyFile struct{ afero.File }

// Sync implements afero.File.
func (hastyFile) Sync() error { return nil }
