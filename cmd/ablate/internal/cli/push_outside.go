package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"

	"ablate/cache"
	"ablate/cmd/ablate/internal/view"
	"ablate/hcl"
	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/graph"
	"ablate/pipeline/planner"
)

// A study may name any file that the user can read as a source, and prepared data holds
// its text. A run therefore sends such data by itself only for a folder that the user
// trusts; ablate cache push sends it on request.

// withheld are the instances whose data is made of files outside the study's folder, and
// the entries of theirs that a run did not send.
type withheld struct {
	store cache.Store
	files map[addr.Instance]string // an example for each instance

	mu      sync.Mutex
	entries int
	example string
}

// outsideData finds the data that is not sent by itself. Only what a plan computes
// counts: nothing else is sent.
func outsideData(w *workspace, plan *planner.Plan) *withheld {
	out := &withheld{store: w.store, files: make(map[addr.Instance]string)}
	if trustedFolder(w.session.dir) {
		return out
	}
	for _, n := range w.graph.Nodes {
		if n.Kind.Role != pipeline.Data {
			continue
		}
		at := n.Instance.Address
		for dep := range n.Deps() {
			if file := out.files[dep.Instance.Address]; file != "" {
				out.files[at] = file
			}
		}
		if t := plan.Task(at); t != nil && out.files[at] == "" {
			if file := outsideFile(w, n); file != "" {
				out.files[at] = file
			}
		}
	}
	return out
}

// outsideFile is a file outside the study's folder that a data stage reads; "" for none.
func outsideFile(w *workspace, n *graph.Node) string {
	reader, ok := n.Stage.(pipeline.FileReader)
	if !ok {
		return ""
	}
	for _, d := range reader.DeclaredFiles() {
		if pipeline.IsRemote(d.Pattern) {
			continue
		}
		paths, _ := w.planner.Sources.Expand(d.Pattern, d.Exclude...) // the stage reports what is wrong
		for _, path := range paths {
			full := path
			if !filepath.IsAbs(full) {
				full = filepath.Join(w.session.dir, full)
			}
			if !hcl.Within(full, w.session.dir) {
				return path
			}
		}
	}
	return ""
}

// sends returns what passes entries on, but for those that are withheld.
func (h *withheld) sends(ctx context.Context, send func(cache.Entry)) func(cache.Entry) {
	if len(h.files) == 0 {
		return send
	}
	return func(e cache.Entry) {
		var p action.Provenance
		raw, err := cache.ReadAll(ctx, h.store, e.Provenance)
		if err == nil {
			err = json.Unmarshal(raw, &p)
		}
		file, outside := h.files[p.Address]
		if err == nil && !outside {
			send(e)
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.entries++
		if outside {
			h.example = fmt.Sprintf(" (%s reads %s)", p.Address, file)
		}
	}
}

// report says what was not sent.
func (h *withheld) report(v *view.View) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.entries > 0 {
		v.Note("Not pushed: %s made from files outside the study's folder%s.\nSend them with ablate cache push, or accept the folder with ablate trust.",
			view.Counted(h.entries, "entry", "entries"), h.example)
	}
}
