//go:build unix

package fsys

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func idOf(info fs.FileInfo) ID {
	id := ID{Size: info.Size(), MTime: info.ModTime()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id.Inode, id.CTime = st.Ino, changeTime(st)
	}
	return id
}

func timeOf(sec, nsec int64) time.Time { return time.Unix(sec, nsec) }

func tryLock(f *os.File) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR): // a network file system asks its server
			return err == nil, err
		}
	}
}

func removeLocked(name string) error { return os.Remove(name) }
