package planner

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/action"
)

// maxCandidates is how many of a kind's newest entries an explanation considers.
// Up to that number the nearest is found exactly; beyond it the recent past
// decides.
const maxCandidates = 512

// maxComparisons bounds how many descriptions a plan compares to explain all of
// its tasks. An instance's own past is always compared.
const maxComparisons = 20000

// maxForeign is how many fields may differ from a result of another study that is
// compared with. With more, the two have hardly more in common than their kind.
const maxForeign = 2

// explainer finds the cached entry nearest to a task and names what differs.
type explainer struct {
	planner *Planner
	past    map[*action.Kind][]pastAction
	limit   int // how many entries of other instances each task is compared with

	once sync.Once
	ran  map[cache.Key]bool // the keys of the study's last run
}

// pastAction is the stored description of a published entry.
type pastAction struct {
	key         cache.Key
	address     string
	study       string // "" where it was not noted
	ours        bool   // an earlier result of this study
	ingredients cache.Value
	notes       cache.Value
}

func newExplainer(p *Planner, limit int) *explainer {
	return &explainer{planner: p, past: make(map[*action.Kind][]pastAction), limit: limit}
}

func (x *explainer) reason(ctx context.Context, t *Task) (Reason, error) {
	r, err := x.compared(ctx, t)
	if err != nil {
		return r, err
	}
	if h, ok := localStore(x.planner.Store).(history); ok && t.entry == nil {
		if tomb, ok := h.LastTombstone(t.Key); ok {
			r.Text = fmt.Sprintf("its result was disowned on %s: %s", tomb.Time.Local().Format("2006-01-02 15:04"), strings.Join(strings.Fields(tomb.Reason), " "))
		}
	}
	return r, nil
}

// compared says what differs from the nearest of this study's results, or else from a
// result of another study that is almost the same.
func (x *explainer) compared(ctx context.Context, t *Task) (Reason, error) {
	none := Reason{Text: "no similar result is cached"}
	past, err := x.load(ctx, t.node.Kind)
	if err != nil || len(past) == 0 {
		return none, err
	}
	if _, err := t.Action(); err != nil {
		return Reason{}, err
	}
	defer t.drop()
	if nearest, found := x.nearest(past, t, func(old pastAction) bool { return old.ours }); nearest != nil {
		changes := changesOf(found, t)
		return Reason{Text: changeText(changes), Nearest: nearest.key, Changes: changes}, nil
	}
	if t.Role == pipeline.Data || t.Role == pipeline.Definition { // other studies' have nothing to do with it
		return none, nil
	}
	own := t.Address.String()
	nearest, found := x.nearest(past, t, func(old pastAction) bool { return !old.ours && old.study != "" && old.address == own })
	if nearest == nil {
		return none, nil
	}
	changes := changesOf(found, t)
	text, namesake := changeText(changes), nearest.study == x.planner.Graph.Study.Name
	code := slices.ContainsFunc(changes, func(c Change) bool { return c.Code })
	if code && !namesake || len(groupSiblings(changes)) > maxForeign {
		return none, nil
	}
	if !namesake { // another folder of this study, or a copy of the store, says so by the name
		text += fmt.Sprintf(" (compared with study %q)", nearest.study)
	}
	return Reason{Text: text, Nearest: nearest.key, Study: nearest.study, Changes: changes}, nil
}

// nearest finds the accepted past action that differs least from a task, and what
// differs. Among equals it prefers the instance's own past, then the first address, so
// that the reasons of cells that are added together are alike.
func (x *explainer) nearest(past []pastAction, t *Task, accept func(pastAction) bool) (nearest *pastAction, found []difference) {
	least, others := 0, 0
	own := t.Address.String()
	for i, old := range past {
		if old.key == t.Key || !accept(old) {
			continue
		}
		if old.address != own {
			if others == x.limit {
				continue
			}
			others++
		}
		changes := differences(old, t)
		if len(changes) == 0 { // the same action, published from a remote's namespace
			continue
		}
		w := 2 * weight(changes)
		if old.address != own {
			w++
		}
		if nearest == nil || w < least || w == least && old.address < nearest.address {
			found, nearest, least = changes, &past[i], w
		}
	}
	return nearest, found
}

// load reads the descriptions of a kind's newest entries. Those of the study's last
// run are read however many are newer.
func (x *explainer) load(ctx context.Context, kind *action.Kind) ([]pastAction, error) {
	if past, ok := x.past[kind]; ok {
		return past, nil
	}
	study, ran := x.planner.Graph.Study.Name, x.lastRun()
	var past []pastAction
	ours, others := 0, 0
	for e, err := range x.planner.Store.Entries(ctx, kind.Block, kind.Type) {
		if err != nil {
			return nil, err
		}
		count := &others
		if ran[e.Key] {
			count = &ours
		}
		if *count == maxCandidates {
			continue
		}
		// An entry whose description is missing or damaged is ignored.
		if old, err := readPast(ctx, x.planner.Store, e); err == nil {
			old.ours = ran[e.Key] || old.study == study && len(ran) > 0 // a folder that never ran may share the name by chance
			past = append(past, old)
			*count++
		}
	}
	x.past[kind] = past
	return past, nil
}

// lastRun returns the keys of the study's last run. Some may be results that another
// study computed.
func (x *explainer) lastRun() map[cache.Key]bool {
	x.once.Do(func() {
		h, ok := localStore(x.planner.Store).(history)
		if !ok {
			return
		}
		of := x.planner.Graph.Study
		root, err := h.RootOf(of.Name, of.Dir)
		if err != nil {
			return // the run itself reports it
		}
		x.ran = root.KeySet()
	})
	return x.ran
}

func readPast(ctx context.Context, store cache.Store, e cache.Entry) (pastAction, error) {
	raw, err := cache.ReadAll(ctx, store, e.Ingredients)
	if err != nil {
		return pastAction{}, err
	}
	var doc cache.Value
	if err := json.Unmarshal(raw, &doc); err != nil {
		return pastAction{}, err
	}
	address, _ := doc.At("address").Text()
	study, _ := doc.At("study").Text()
	return pastAction{key: e.Key, address: address, study: study, ingredients: doc.At("ingredients"), notes: doc.At("notes")}, nil
}
