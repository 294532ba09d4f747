package cli

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"

	"ablate/cache"
	"ablate/pipeline/planner"
	"ablate/pipeline/source"
)

// needs records in the store what a run needs, so that garbage collection keeps it. A run
// of a part of the study keeps what the last run recorded for the rest. So does any other
// while it does not know all its keys: the last run may have recorded them.
type needs struct {
	store *cache.Local
	part  bool
	tasks int // of the plan

	mu    sync.Mutex
	root  cache.Root  // its files are complete before the run begins
	timer *time.Timer // records what became known; nil if all is recorded
}

// recordGap is the time until keys that become known during a run are recorded. In a
// large study they come one by one, and each record repeats them all.
const recordGap = time.Second

func newNeeds(w *workspace, plan *planner.Plan) *needs {
	n := &needs{store: w.store, part: w.planner.Select != nil, tasks: len(plan.Tasks), root: cache.Root{Study: w.graph.Study.Name, Dir: w.graph.Study.Dir}}
	for _, t := range plan.Tasks {
		if !t.Key.IsZero() {
			n.root.Keys = append(n.root.Keys, t.Key)
		}
	}
	return n
}

// add records keys that became known, soon.
func (n *needs) add(keys []cache.Key) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.root.Keys = append(n.root.Keys, keys...)
	if n.timer == nil {
		n.timer = time.AfterFunc(recordGap, n.recordLate)
	}
}

func (n *needs) recordLate() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.timer != nil { // nothing else has recorded it meanwhile
		n.put(true) // the record at the end reports an error
	}
}

// addFiles records copies of files.
func (n *needs) addFiles(frozen *source.Frozen) error {
	if len(frozen.Files) == 0 {
		return nil
	}
	for _, f := range frozen.Files {
		n.root.Files = append(n.root.Files, f.Digest)
	}
	return n.record(true)
}

// record records all keys and, for a run that is not over, its copies of files.
func (n *needs) record(live bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.put(live)
}

// put is record. Called with mu held.
func (n *needs) put(live bool) error {
	if n.timer != nil {
		n.timer.Stop()
		n.timer = nil
	}
	r := n.root
	r.Time = time.Now().UTC()
	if !live {
		r.Files = nil
	}
	if n.part || live && len(r.Keys) < n.tasks {
		before, err := n.store.RootOf(r.Study, r.Dir)
		if err != nil && n.part {
			return fmt.Errorf("reading what the last run needs: %w; run the whole study once, without --target", err)
		}
		others := slices.DeleteFunc(before.Files, func(d cache.Digest) bool { return slices.Contains(n.root.Files, d) })
		r.Keys, r.Files = union(before.Keys, r.Keys), union(others, r.Files)
	}
	return n.store.PutRoot(r)
}

func union[H ~[32]byte](a, b []H) []H {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(a, b H) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(all)
}
