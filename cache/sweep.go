package cache

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
)

// Apply removes what the collection found. Blobs are moved to the trash first;
// those that a run began to need meanwhile are put back, and count as kept.
func (c *Collection) Apply(ctx context.Context) (freed int64, err error) {
	s := c.store
	if err := s.makeFolder(s.path("trash")); err != nil {
		return 0, advise(err)
	}
	moved, err := c.moveToTrash(ctx)
	var uses map[Digest]*blobUse
	if err == nil {
		uses, _, err = s.uses(ctx, c.options)
	}
	if err != nil {
		return 0, errors.Join(err, c.restore(moved))
	}
	if err := s.restoreTrash(uses); err != nil {
		return 0, advise(err)
	}
	for _, g := range moved {
		if wanted(uses[g.Digest]) {
			c.Kept += g.Bytes
			continue
		}
		if err := s.fs.Remove(s.trashPath(g.Path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return freed, advise(err)
		}
		freed += g.Bytes
	}
	for _, g := range c.Items {
		if g.Digest.IsZero() && s.fs.Remove(g.Path) == nil {
			freed += g.Bytes
		}
	}
	return freed, nil
}

// moveToTrash moves blobs aside. Those that an action made again since they were listed
// stay: it is about to publish them.
func (c *Collection) moveToTrash(ctx context.Context) (moved []Garbage, err error) {
	for _, g := range c.Items {
		if g.Digest.IsZero() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return moved, err
		}
		if info, err := c.store.fs.Stat(g.Path); err == nil && c.young(info) {
			c.Kept += g.Bytes
			c.Young += g.Bytes
			continue
		}
		err := c.store.fs.Rename(g.Path, c.store.trashPath(g.Path))
		if err == nil {
			moved = append(moved, g)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return moved, advise(err)
		}
	}
	return moved, nil
}

func (s *Local) trashPath(blob string) string { return s.path("trash", filepath.Base(blob)) }

func (c *Collection) restore(moved []Garbage) error {
	var failed error
	for _, g := range moved {
		err := c.store.fs.Rename(c.store.trashPath(g.Path), g.Path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// restoreTrash puts back the blobs in the trash that are needed: a collection that
// was killed may have left them there.
func (s *Local) restoreTrash(uses map[Digest]*blobUse) error {
	var failed error
	err := s.walk(s.path("trash"), func(path string, _ fs.FileInfo) {
		d, ok := blobName(path)
		if !ok || !wanted(uses[d]) {
			return
		}
		to := s.path("blobs", "sha256", d.Hex()[:2], filepath.Base(path))
		if err := s.fs.Rename(path, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	})
	return errors.Join(err, failed)
}
