package remote

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
)

// folder is a shared folder: a network file system that several machines see.
// Objects are created by link(2), which is atomic there, too.
type folder struct {
	root *os.Root // nothing outside it can be reached
	dir  string
}

func newFolder(u *url.URL) (*folder, error) {
	dir := filepath.FromSlash(u.Path)
	if u.Host != "" || dir == "" {
		return nil, fmt.Errorf("%s names no folder: write file:///shared/ablate", u)
	}
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no folder %s: make it first, so that a typing error or a disk that is not mounted is no empty cache", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the shared folder: %w", err)
	}
	return &folder{root: root, dir: dir}, nil
}

func (f *folder) check(context.Context) error {
	for _, sub := range []string{"ac", "cas", "tmp"} {
		if err := f.root.Mkdir(sub, 0o777); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
			return fmt.Errorf("preparing the shared folder: %w", err)
		}
	}
	return nil
}

// place spreads objects over folders of two letters.
func place(name string) string {
	kind, hash := filepath.Split(filepath.FromSlash(name))
	return filepath.Join(kind, hash[:2], hash)
}

func (f *folder) get(_ context.Context, name string) (io.ReadCloser, error) {
	r, err := f.root.Open(place(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errAbsent
	}
	return r, err
}

func (f *folder) has(_ context.Context, name string) (bool, error) {
	_, err := f.root.Stat(place(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (f *folder) put(_ context.Context, name string, o object) (err error) {
	at := place(name)
	if err := f.root.MkdirAll(filepath.Dir(at), 0o777); err != nil {
		return err
	}
	tmp := filepath.Join("tmp", o.digest.Hex()+"-"+fmt.Sprint(os.Getpid())+"-"+rand.Text())
	w, err := f.root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer f.root.Remove(tmp) //nolint:errcheck // a leftover is harmless
	r, err := o.open()
	if err != nil {
		w.Close()
		return err
	}
	_, err = io.Copy(w, r)
	if err := errors.Join(err, r.Close(), w.Sync(), w.Close()); err != nil {
		return err
	}
	if err := f.root.Link(tmp, at); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
