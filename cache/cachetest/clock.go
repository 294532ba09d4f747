package cachetest

import (
	"os"
	"sync/atomic"
	"time"

	"github.com/spf13/afero"

	"ablate/cache/fsys"
)

// Clock is a file system on a machine whose wall clock can be set. Files that are
// written afterwards get its time.
type Clock struct {
	fsys.FS
	ahead atomic.Int64
}

// Jump sets the clock forward or back.
func (c *Clock) Jump(d time.Duration) { c.ahead.Add(int64(d)) }

// Now is the time on the clock.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// OpenFile implements afero.Fs.
func (c *Clock) OpenFile(name string, flag int, mode os.FileMode) (afero.File, error) {
	f, err := c.FS.OpenFile(name, flag, mode)
	if err != nil || flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		return f, err
	}
	return clockFile{f, c}, nil
}

// Create implements afero.Fs.
func (c *Clock) Create(name string) (afero.File, error) {
	return c.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

type clockFile struct {
	afero.File
	c *Clock
}

// Write implements afero.File.
func (f clockFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.stamp(err)
}

// WriteString implements afero.File.
func (f clockFile) WriteString(s string) (int, error) { return f.Write([]byte(s)) }

// Close implements afero.File. Files in memory get the time at which they are closed.
func (f clockFile) Close() error { return f.stamp(f.File.Close()) }

func (f clockFile) stamp(err error) error {
	if err != nil {
		return err
	}
	now := f.c.Now()
	if err := f.c.Chtimes(f.Name(), now, now); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}
