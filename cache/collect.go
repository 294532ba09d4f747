package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/afero"
)

// Collection is a plan of what a garbage collection removes.
type Collection struct {
	Items   []Garbage
	Kept    int64 // bytes at rest that stay
	Young   int64 // of these, what stays only because it is young
	store   *Local
	options CollectOptions
}

// Garbage is one file that can be removed.
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

// CollectOptions say what may be removed.
type CollectOptions struct {
	// Budget is how many bytes the store's blobs may take. A negative budget is
	// no bound: only what nothing needs is removed.
	Budget int64
	// Grace protects younger files, which an action may be about to publish.
	Grace time.Duration
	Now   time.Time
	// Cost is how many seconds it took to compute an entry. What costs most for
	// its size is removed last. Unknown is 0.
	Cost func(ctx context.Context, e Entry) float64
	// Ignore reports recorded runs that need nothing. Nil counts all of them.
	Ignore func(Root) bool
}

// DoubtError reports that a garbage collection cannot know what the store
// needs. Nothing is removed then.
type DoubtError struct{ Doubts []error }

func (e *DoubtError) Error() string {
	var b strings.Builder
	b.WriteString("it is not certain what the store needs, so nothing was removed:")
	for _, d := range e.Doubts {
		for line := range strings.Lines(d.Error()) {
			b.WriteString("\n  " + strings.TrimSuffix(line, "\n"))
		}
	}
	return b.String()
}

// Unwrap returns the doubts.
func (e *DoubtError) Unwrap() []error { return e.Doubts }

// blobUse is what the entries say about a blob.
type blobUse struct {
	document  bool // ingredients, provenance, measurements, files of a run: always kept
	needed    bool // by a run or a pin
	evictable bool // every needed artifact that it is may be evicted
	perByte   float64
	why       string
}

// Collect plans a garbage collection: blobs that no entry names, artifacts of
// entries that no recorded run and no pin needs and that no client of a server stored,
// leftovers of crashes, and old logs and journals; and, to keep within a budget, evictable artifacts, the cheapest first. Entries,
// ingredients, provenance and measurements always stay. Where anything that
// decides this cannot be read, the error is a *DoubtError.
func (s *Local) Collect(ctx context.Context, o CollectOptions) (*Collection, error) {
	uses, needed, err := s.uses(ctx, o)
	if err != nil {
		return nil, err
	}
	c := &Collection{store: s, options: o}
	optional, err := c.addBlobs(uses)
	if err != nil {
		return nil, err
	}
	for _, g := range optional {
		if c.Kept <= o.Budget {
			break
		}
		c.Items = append(c.Items, g)
		c.Kept -= g.Bytes
	}
	return c, errors.Join(c.addLeftovers(uses), c.addRecords(needed))
}

// addBlobs adds the blobs that nothing needs. It returns those that only a
// budget removes, in the order of their cost.
func (c *Collection) addBlobs(uses map[Digest]*blobUse) (optional []Garbage, err error) {
	cost := make(map[string]float64)
	err = c.store.walk(c.store.path("blobs"), func(path string, info fs.FileInfo) {
		d, ok := blobName(path)
		if !ok {
			return // not ours
		}
		u := uses[d]
		g := Garbage{Path: path, Digest: d, Bytes: info.Size()}
		switch {
		case c.young(info):
			c.Kept += g.Bytes
			if u == nil || !u.document && (!u.needed || u.evictable && c.options.Budget >= 0) {
				c.Young += g.Bytes
			}
		case u == nil:
			g.Why = "no entry names it"
			c.Items = append(c.Items, g)
		case !u.document && !u.needed:
			g.Why = "no recorded run and no pin needs it: " + u.why
			c.Items = append(c.Items, g)
		case !u.document && u.evictable && c.options.Budget >= 0:
			g.Why = "exceeds the budget, and can be computed again: " + u.why
			cost[path] = u.perByte
			optional = append(optional, g)
			c.Kept += g.Bytes
		default:
			c.Kept += g.Bytes
		}
	})
	slices.SortStableFunc(optional, func(a, b Garbage) int {
		return cmp.Or(cmp.Compare(cost[a.Path], cost[b.Path]), strings.Compare(a.Path, b.Path))
	})
	return optional, err
}

// addLeftovers adds what crashes left behind. Blobs that an interrupted
// collection moved to the trash, and that are needed after all, are no
// leftovers: Apply puts them back.
func (c *Collection) addLeftovers(uses map[Digest]*blobUse) error {
	for _, dir := range []string{"tmp", "trash", "damaged", "leases"} {
		err := c.store.walk(c.store.path(dir), func(path string, info fs.FileInfo) {
			if d, ok := blobName(path); ok && dir == "trash" && wanted(uses[d]) || c.young(info) || dir == "leases" && c.isHeld(path, info) {
				return
			}
			c.Items = append(c.Items, Garbage{Path: path, Bytes: info.Size(), Why: "left over in " + dir})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// isHeld reports whether the holder of a lease may be alive, whatever the grace period
// is: without its lease it would stop what it computes. Where no lock of this machine
// says so, it is alive if it wrote within an hour, since other clocks may differ.
func (c *Collection) isHeld(lease string, info fs.FileInfo) bool {
	hex, _, _ := strings.Cut(filepath.Base(lease), ".")
	k, err := ParseKey(hex)
	if err == nil && strings.HasPrefix(c.store.content(lease), c.store.leases.host+"#") {
		if locked, known := c.store.lockedHere(k); known {
			return locked
		}
	}
	return c.options.Now.Sub(info.ModTime()) < time.Hour
}

func (c *Collection) young(info fs.FileInfo) bool {
	return c.options.Now.Sub(info.ModTime()) < c.options.Grace
}

// blobName is the digest that a blob's file is named by.
func blobName(path string) (Digest, bool) {
	h, err := parseHash(strings.TrimSuffix(filepath.Base(path), zstdSuffix))
	return Digest(h), err == nil
}

// wanted reports whether a blob must stay in the store.
func wanted(u *blobUse) bool { return u != nil && (u.document || u.needed && !u.evictable) }

// uses returns how each blob that an entry names is needed, and the keys that are. It
// reads the entries themselves, since an index may lack some.
func (s *Local) uses(ctx context.Context, o CollectOptions) (uses map[Digest]*blobUse, needed map[Key]bool, err error) {
	needed, files, doubts := s.needed(o.Ignore)
	entries, more := s.certainEntries(ctx)
	if doubts = append(doubts, more...); len(doubts) > 0 {
		return nil, nil, &DoubtError{doubts}
	}
	uses = make(map[Digest]*blobUse)
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, nil, context.Cause(ctx)
		}
		s.addUses(ctx, uses, e, needed[e.Key], o)
	}
	for _, d := range files {
		uses[d] = &blobUse{document: true}
	}
	return uses, needed, nil
}

// StateBlock is the block of states. A state serves whichever run comes next, and
// can be evicted, but for what it declares to be measured.
const StateBlock = "state"

func (s *Local) addUses(ctx context.Context, uses map[Digest]*blobUse, e Entry, needed bool, o CollectOptions) {
	use := func(d Digest) *blobUse {
		if uses[d] == nil {
			uses[d] = &blobUse{evictable: true}
		}
		return uses[d]
	}
	use(e.Ingredients).document = true
	use(e.Provenance).document = true
	needed = needed || e.Block == StateBlock
	seconds := 0.0
	if o.Cost != nil && needed && o.Budget >= 0 {
		seconds = o.Cost(ctx, e)
	}
	for _, a := range e.Artifacts {
		u := use(a.Digest)
		u.why = e.Block + "." + e.Type + " " + a.Name
		retention := s.Retention(e, a)
		u.document = u.document || retention == Keep
		u.needed = u.needed || needed
		if e.Block != StateBlock && needed {
			u.evictable = u.evictable && retention == Evict
		}
		if a.Size > 0 {
			u.perByte = max(u.perByte, seconds/float64(a.Size))
		}
	}
}

// certainEntries returns every entry that the store has or had: from the files
// and, where they differ, from the index as well. Doubts are entries that
// cannot be read, or whose files are gone.
func (s *Local) certainEntries(ctx context.Context) (all []Entry, doubts []error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(ctx); err != nil {
		doubts = append(doubts, fmt.Errorf("reading the index: %w", err))
	}
	if _, err := s.fs.Stat(s.path("entries")); err != nil {
		doubts = append(doubts, fmt.Errorf("the folder of entries cannot be read: %w", err))
	}
	files, more := s.entryFiles()
	doubts = append(doubts, more...)
	read := make(map[Key]bool, len(files))
	for _, e := range files {
		read[e.Key] = true
		if indexed, ok := s.index.entries[e.Key]; ok && !indexed.Same(e) {
			all = append(all, *indexed)
		}
	}
	all = append(all, files...)
	disowned, err := s.disownedKeys()
	if err != nil {
		doubts = append(doubts, fmt.Errorf("reading which results were disowned: %w", err))
	}
	for k, e := range s.index.entries {
		if !read[k] && !disowned[k] {
			doubts = append(doubts, fmt.Errorf("the file %s of an entry of %s.%s is missing: `ablate cache verify` writes it again", s.entryPath(k), e.Block, e.Type))
		}
	}
	return all, append(doubts, s.unreadableEntries(read)...)
}

// LostEntryError reports an entry that is damaged, and of which there is no copy.
type LostEntryError struct {
	Key  Key
	Path string // where the damaged file was moved
}

func (e *LostEntryError) Error() string {
	return fmt.Sprintf("entry %s is damaged, and what it needs is not known: run its study again, fetch it with `ablate cache verify --repair`, or give its artifacts up by removing %s", e.Key, e.Path)
}

// unreadableEntries lists damaged entries that were moved aside and have no
// successor, and lost folders: nothing says which blobs they need.
func (s *Local) unreadableEntries(read map[Key]bool) (doubts []error) {
	names, err := s.readNames(s.path("damaged"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return []error{fmt.Errorf("reading the folder of damaged files: %w", err)}
	}
	slices.Sort(names)
	for _, name := range names {
		path := s.path("damaged", name)
		if decides(name) {
			doubts = append(doubts, &LostFolderError{path})
			continue
		}
		hex, ok := strings.CutPrefix(name, damagedEntry)
		if !ok && s.startsLikeEntry(path) { // as earlier versions name them
			hex, ok = name, true
		}
		if k, err := ParseKey(hex); ok && err == nil && !read[k] {
			doubts = append(doubts, &LostEntryError{k, path})
		}
	}
	return doubts
}

func (s *Local) startsLikeEntry(path string) bool {
	f, err := s.openFile(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(entryHead))
	f.ReadAt(head, 0) // what is shorter does not match
	return string(head) == entryHead
}

// needed lists the keys of recorded runs, of pins, of actions under way, and of what
// clients of a server stored, for whom this store is a remote, and the files of runs under
// way. Doubts are roots, pins and folders that cannot be read.
func (s *Local) needed(ignore func(Root) bool) (needed map[Key]bool, files []Digest, doubts []error) {
	needed = make(map[Key]bool)
	roots, err := s.Roots()
	if err != nil {
		doubts = append(doubts, fmt.Errorf("%w\nRun the study again, which records its root anew, or remove the file", err))
	}
	pins, err := s.Pins()
	if err != nil {
		doubts = append(doubts, fmt.Errorf("%w\nPin the result again, or remove the file", err))
	}
	for _, r := range roots {
		if ignore != nil && ignore(r) {
			continue
		}
		for _, k := range r.Keys {
			needed[k] = true
		}
		files = append(files, r.Files...)
	}
	for _, p := range pins {
		needed[p.Key] = true
	}
	leases, err := s.readNames(s.path("leases"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		doubts = append(doubts, err)
	}
	for _, name := range leases {
		key, _, _ := strings.Cut(name, ".")
		if k, err := ParseKey(key); err == nil {
			needed[k] = true
		}
	}
	for k, err := range s.keysIn("sealed") {
		if err == nil {
			needed[k] = true
		} else if !errors.Is(err, fs.ErrNotExist) {
			doubts = append(doubts, err)
		}
	}
	return needed, files, doubts
}

func (s *Local) walk(dir string, f func(path string, info fs.FileInfo)) error {
	return afero.Walk(s.fs, dir, func(path string, info fs.FileInfo, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err == nil && !info.IsDir() {
			f(path, info)
		}
		return err
	})
}
