package planner

import (
	"context"
	"encoding/json"

	"ablate/cache"
	"ablate/pipeline/action"
)

// maxCandidates is how many of a kind's newest entries an explanation considers.
// Up to that number the nearest is found exactly; beyond it the recent past
// decides.
const maxCandidates = 512

// maxComparisons bounds how many descriptions a plan compares to explain all of
// its tasks. An instance's own past is always compared.
const maxComparisons = 20000

// explainer finds the cached entry nearest to a task and names what differs.
type explainer struct {
	store Store
	past  map[*action.Kind][]pastAction
	limit int // how many entries of other instances each task is compared with
}

// pastAction is the stored description of a published entry.
type pastAction struct {
	key         cache.Key
	address     string
	ingredients cache.Value
	notes       cache.Value
}

func (x *explainer) reason(ctx context.Context, t *Task) (Reason, error) {
	past, err := x.load(ctx, t.node.Kind)
	if err != nil {
		return Reason{}, err
	}
	if len(past) == 0 {
		return Reason{Text: "no similar result is cached"}, nil
	}
	if _, err := t.Action(); err != nil {
		return Reason{}, err
	}
	defer t.drop()
	nearest, found := x.nearest(past, t)
	if nearest.IsZero() {
		return Reason{Text: "no similar result is cached"}, nil
	}
	changes := changesOf(found, t)
	return Reason{Text: changeText(changes), Nearest: nearest, Changes: changes}, nil
}

// nearest finds the past action that differs least from a task, and what differs.
// Among equals it prefers the instance's own past.
func (x *explainer) nearest(past []pastAction, t *Task) (nearest cache.Key, found []difference) {
	least, others := 0, 0
	own := t.Address.String()
	for _, old := range past {
		if old.key == t.Key {
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
		if nearest.IsZero() || w < least {
			found, nearest, least = changes, old.key, w
		}
	}
	return nearest, found
}

func (x *explainer) load(ctx context.Context, kind *action.Kind) ([]pastAction, error) {
	if past, ok := x.past[kind]; ok {
		return past, nil
	}
	var past []pastAction
	for e, err := range x.store.Entries(ctx, kind.Block, kind.Type) {
		if err != nil {
			return nil, err
		}
		// An entry whose description is missing or damaged is ignored.
		if old, err := readPast(ctx, x.store, e); err == nil {
			past = append(past, old)
		}
		if len(past) == maxCandidates {
			break
		}
	}
	x.past[kind] = past
	return past, nil
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
	return pastAction{key: e.Key, address: address, ingredients: doc.At("ingredients"), notes: doc.At("notes")}, nil
}
