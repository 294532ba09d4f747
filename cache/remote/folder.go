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
	"time"

	"ablate/cache/fsys"
)

// folder is a folder that several machines share, such as a network file system.
// Objects are created with link(2), which is atomic on those as well.
type folder struct {
	root *os.Root // confines every access
	dir  string
	mode fs.FileMode // of the folder; what is created in it is for the same users, whatever the umask
}

func newFolder(u *url.URL) (*folder, error) {
	dir := filepath.FromSlash(u.Path)
	if u.Host != "" || dir == "" {
		return nil, fmt.Errorf("%s does not name a folder: write file:///shared/ablate", u.Redacted())
	}
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no folder %s: create it first; it is not created automatically, so that a typing error or an unmounted disk does not look like an empty cache", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the shared folder: %w", err)
	}
	info, err := root.Stat(".")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the shared folder: %w", err), root.Close())
	}
	return &folder{root: root, dir: dir, mode: info.Mode() & (fs.ModePerm | fs.ModeSetgid | fs.ModeSticky)}, nil
}

func (f *folder) check(context.Context) error {
	for _, sub := range []string{"ac", "cas", "tmp"} {
		if err := f.makeFolder(sub); err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
			return fmt.Errorf("preparing the shared folder: %w", err)
		}
	}
	f.removeLeftovers()
	return nil
}

// makeFolder creates a folder, and the one that it is in, unless they exist.
func (f *folder) makeFolder(name string) error {
	err := f.root.Mkdir(name, 0o777)
	if in := filepath.Dir(name); errors.Is(err, fs.ErrNotExist) && in != "." {
		if err = f.makeFolder(in); err == nil {
			err = f.root.Mkdir(name, 0o777)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		f.root.Chmod(name, f.mode) // some network file systems have no modes
	}
	return err
}

// abandoned is the age of a temporary file from which the transfer that wrote it has ended.
const abandoned = 24 * time.Hour

// removeLeftovers removes what killed processes left. Nothing depends on that.
func (f *folder) removeLeftovers() {
	tmp, err := f.root.Open("tmp")
	if err != nil {
		return
	}
	defer tmp.Close()
	all, _ := tmp.ReadDir(-1)
	for _, entry := range all {
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > abandoned {
			f.root.Remove(filepath.Join("tmp", entry.Name()))
		}
	}
}

// explain says what to do about an error for lack of permission.
func (f *folder) explain(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("access denied in %s: the owner of what is in it has to make it readable and writable for this user (%w)", f.dir, err)
	}
	return err
}

// place distributes objects over folders named by two digits.
func place(name string) string {
	kind, hash := filepath.Split(filepath.FromSlash(name))
	return filepath.Join(kind, hash[:2], hash)
}

func (f *folder) get(ctx context.Context, name string) (io.ReadCloser, error) {
	info, err := f.root.Stat(place(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errAbsent
	}
	if err == nil && !info.Mode().IsRegular() { // a FIFO would block, and a device may never end
		err = badError{fmt.Errorf("%s is not a regular file", filepath.Join(f.dir, place(name)))}
	}
	if err != nil {
		return nil, f.explain(err)
	}
	r, err := f.root.Open(place(name))
	if err != nil {
		return nil, f.explain(err)
	}
	return &endingBody{r, ctx}, nil
}

// endingBody ends with its context, between two reads.
type endingBody struct {
	io.ReadCloser
	ctx context.Context
}

// Read implements io.Reader.
func (b *endingBody) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	return b.ReadCloser.Read(p)
}

func (f *folder) has(_ context.Context, name string, size int64) (bool, error) {
	info, err := f.root.Stat(place(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && (size < 0 || info.Size() == size), f.explain(err)
}

func (f *folder) put(ctx context.Context, name string, o object) error {
	return f.explain(f.create(ctx, name, o))
}

func (f *folder) create(ctx context.Context, name string, o object) error {
	at := place(name)
	for _, dir := range []string{"tmp", filepath.Dir(at)} { // clean-up jobs delete empty folders
		if err := f.makeFolder(dir); err != nil {
			return err
		}
	}
	tmp := filepath.Join("tmp", o.digest.Hex()+"-"+fmt.Sprint(os.Getpid())+"-"+rand.Text())
	w, err := f.root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer f.root.Remove(tmp) // a leftover is harmless
	f.root.Chmod(tmp, f.mode&0o644)
	r, err := o.open()
	if err != nil {
		w.Close()
		return err
	}
	_, err = io.Copy(w, &endingBody{r, ctx})
	if err := errors.Join(err, r.Close(), w.Sync(), w.Close()); err != nil {
		return err
	}
	err = f.root.Link(tmp, at)
	switch {
	case errors.Is(err, fs.ErrExist):
		if _, blob := digestOf(name); !blob { // the first result stays
			return nil
		}
		if whole, err := f.has(ctx, name, o.size); whole || err != nil {
			return err
		}
		return f.root.Rename(tmp, at)
	case fsys.NoLinks(err):
		return fmt.Errorf("the file system of %s has no hard links, which a shared folder needs: use a folder on another disk, which can be copied afterwards (%v)", f.dir, err)
	}
	return err
}
