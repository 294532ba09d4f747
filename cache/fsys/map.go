package fsys

import (
	"errors"
	"os"

	"github.com/edsrzf/mmap-go"
	"github.com/spf13/afero"
)

// Map memory-maps a file for reading. A file that is empty, or not on the
// machine's own file system, is errors.ErrUnsupported.
func Map(f afero.File) (b []byte, unmap func() error, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	file, ok := f.(*os.File)
	if !ok || info.Size() == 0 {
		return nil, nil, errors.ErrUnsupported
	}
	m, err := mmap.Map(file, mmap.RDONLY, 0)
	if err != nil {
		return nil, nil, err
	}
	return m, m.Unmap, nil
}
