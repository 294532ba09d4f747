package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/afero"

	"ablate/cache/fsys"
)

// Pin keeps an entry from being collected.
type Pin struct {
	Key     Key       `json:"key"`
	Address string    `json:"address"`
	Time    time.Time `json:"time"`
}

// AddPin pins an entry.
func (s *Local) AddPin(p Pin) error {
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return advise(fsys.WriteAtomic(s.fs, s.path("pins", p.Key.String()+".json"), raw))
}

// RemovePin takes a pin back.
func (s *Local) RemovePin(k Key) error {
	err := s.fs.Remove(s.path("pins", k.String()+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another pin's need, taken back with it
	}
	return err
}

// Pins lists the pins.
func (s *Local) Pins() ([]Pin, error) {
	names, err := afero.Glob(s.fs, s.path("pins", "*.json"))
	if err != nil {
		return nil, err
	}
	var out []Pin
	for _, name := range names {
		raw, err := afero.ReadFile(s.fs, name)
		if err != nil {
			return nil, err
		}
		var p Pin
		if err := json.Unmarshal(raw, &p); err != nil {
			return nil, fmt.Errorf("the pin %s is damaged: %w", name, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// Collection is what a garbage collection would remove.
type Collection struct {
	Items []Garbage
	Kept  int64 // bytes at rest that stay
	store *Local
	o     CollectOptions
}

// Garbage is one file that can go.
type Garbage struct {
	Path   string
	Digest Digest // zero for leftovers of crashes
	Bytes  int64  // at rest
	Why    string
}

// Bytes is what the collection would free.
func (c *Collection) Bytes() int64 {
	var n int64
	for _, g := range c.Items {
		n += g.Bytes
	}
	return n
}

// CollectOptions say what may go.
type CollectOptions struct {
	// Budget is how many bytes the store's blobs may take; below 0 there is no
	// bound, and only what nothing needs goes.
	Budget int64
	// Grace protects what is younger: it may belong to an action under way.
	Grace time.Duration
	Now   time.Time
	// Untold is the retention of artifacts of entries that were published before
	// entries said so; nil for none.
	Untold func(e Entry, artifact string) Retention
	// Cost is how many seconds an entry took; what costs most for its size goes
	// last. Unknown is 0.
	Cost func(ctx context.Context, e Entry) float64
}

// blobUse is what the entries say of a blob.
type blobUse struct {
	document  bool // ingredients, provenance, what was measured: always kept
	rooted    bool // a run or a pin needs it
	evictable bool // only as something that can be given up
	perByte   float64
	why       string
}

// Collect plans a garbage collection: blobs that no entry names, artifacts of
// entries that no recorded run and no pin needs, leftovers of crashes; and, to
// keep within a budget, what can be given up at the least cost. Entries,
// ingredients, provenance and what was measured always stay.
func (s *Local) Collect(ctx context.Context, o CollectOptions) (*Collection, error) {
	uses, err := s.uses(ctx, o)
	if err != nil {
		return nil, err
	}
	c := &Collection{store: s, o: o}
	var optional []Garbage
	cost := make(map[string]float64)
	err = s.walk(s.path("blobs"), func(path string, info fs.FileInfo) {
		d, err := ParseDigest("sha256:" + strings.TrimSuffix(filepath.Base(path), zstdSuffix))
		if err != nil {
			return // not ours
		}
		u := uses[d]
		g := Garbage{Path: path, Digest: d, Bytes: info.Size()}
		switch {
		case o.Now.Sub(info.ModTime()) < o.Grace:
			c.Kept += g.Bytes
		case u == nil:
			g.Why = "no entry names it"
			c.Items = append(c.Items, g)
		case !u.document && !u.rooted:
			g.Why = "no recorded run and no pin needs it: " + u.why
			c.Items = append(c.Items, g)
		case !u.document && u.evictable && o.Budget >= 0:
			g.Why = "over the budget, and can be made again: " + u.why
			cost[path] = u.perByte
			optional = append(optional, g)
			c.Kept += g.Bytes
		default:
			c.Kept += g.Bytes
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(optional, func(a, b Garbage) int {
		switch {
		case cost[a.Path] < cost[b.Path]:
			return -1
		case cost[a.Path] > cost[b.Path]:
			return 1
		}
		return strings.Compare(a.Path, b.Path)
	})
	for _, g := range optional {
		if c.Kept <= o.Budget {
			break
		}
		c.Items = append(c.Items, g)
		c.Kept -= g.Bytes
	}
	for _, dir := range []string{"tmp", "trash", "damaged", "leases"} {
		err := s.walk(s.path(dir), func(path string, info fs.FileInfo) {
			if o.Now.Sub(info.ModTime()) >= o.Grace {
				c.Items = append(c.Items, Garbage{Path: path, Bytes: info.Size(), Why: "left over in " + dir})
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// uses says of every named blob how it is needed.
func (s *Local) uses(ctx context.Context, o CollectOptions) (map[Digest]*blobUse, error) {
	needed, err := s.needed()
	if err != nil {
		return nil, err
	}
	uses := make(map[Digest]*blobUse)
	use := func(d Digest) *blobUse {
		if uses[d] == nil {
			uses[d] = &blobUse{evictable: true}
		}
		return uses[d]
	}
	for e, err := range s.Entries(ctx, "", "") {
		if err != nil {
			return nil, err
		}
		use(e.Ingredients).document = true
		use(e.Provenance).document = true
		// A state serves whichever run comes next; it can always be given up.
		rooted := needed[e.Key] || e.Block == "state"
		seconds := 0.0
		if o.Cost != nil && rooted && o.Budget >= 0 {
			seconds = o.Cost(ctx, e)
		}
		for _, a := range e.Artifacts {
			u := use(a.Digest)
			u.why = e.Block + "." + e.Type + " " + a.Name
			retention := a.Retention
			if retention == "" && o.Untold != nil {
				retention = o.Untold(e, a.Name)
			}
			u.document = u.document || retention == Keep
			u.rooted = u.rooted || rooted
			if e.Block != "state" && rooted {
				u.evictable = u.evictable && retention == Evict
			}
			if a.Size > 0 {
				u.perByte = max(u.perByte, seconds/float64(a.Size))
			}
		}
	}
	return uses, nil
}

// needed lists the keys of recorded runs, of pins, and those under way.
func (s *Local) needed() (map[Key]bool, error) {
	roots, err := s.Roots()
	if err != nil {
		return nil, err
	}
	pins, err := s.Pins()
	if err != nil {
		return nil, err
	}
	needed := make(map[Key]bool)
	for _, r := range roots {
		for _, k := range r.Keys {
			needed[k] = true
		}
	}
	for _, p := range pins {
		needed[p.Key] = true
	}
	for _, dir := range []string{"locks", "leases"} {
		names, _ := readNames(s.fs, s.path(dir)) // none yet
		for _, name := range names {
			key, _, _ := strings.Cut(name, ".")
			if k, err := ParseKey(key); err == nil {
				needed[k] = true
			}
		}
	}
	return needed, nil
}

func (s *Local) walk(dir string, f func(path string, info fs.FileInfo)) error {
	err := afero.Walk(s.fs, dir, func(path string, info fs.FileInfo, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // somebody else was faster
		}
		if err == nil && !info.IsDir() {
			f(path, info)
		}
		return err
	})
	return err
}

// Apply removes what the collection found. Blobs go by way of the trash: what
// a run began to need meanwhile is put back.
func (c *Collection) Apply(ctx context.Context) (freed int64, err error) {
	s := c.store
	trash := s.path("trash")
	if err := s.fs.MkdirAll(trash, 0o755); err != nil {
		return 0, advise(err)
	}
	var moved []Garbage
	for _, g := range c.Items {
		if err := ctx.Err(); err != nil {
			return 0, errors.Join(context.Cause(ctx), c.restore(moved))
		}
		if (g.Digest == Digest{}) {
			if err := s.fs.Remove(g.Path); err == nil {
				freed += g.Bytes
			}
			continue
		}
		if err := s.fs.Rename(g.Path, filepath.Join(trash, filepath.Base(g.Path))); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return freed, errors.Join(advise(err), c.restore(moved))
		}
		moved = append(moved, g)
	}
	uses, err := s.uses(ctx, c.o)
	if err != nil {
		return freed, errors.Join(err, c.restore(moved))
	}
	for _, g := range moved {
		u := uses[g.Digest]
		wanted := u != nil && (u.document || u.rooted && !u.evictable)
		if wanted {
			if err := c.restore([]Garbage{g}); err != nil {
				return freed, err
			}
			continue
		}
		if err := s.fs.Remove(filepath.Join(trash, filepath.Base(g.Path))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return freed, advise(err)
		}
		freed += g.Bytes
	}
	return freed, nil
}

func (c *Collection) restore(moved []Garbage) error {
	var failed error
	for _, g := range moved {
		err := c.store.fs.Rename(filepath.Join(c.store.path("trash"), filepath.Base(g.Path)), g.Path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}
