package action

import (
	"context"
	"slices"

	"ablate/cache"
)

// Documents is a store whose entries can get new documents.
type Documents interface {
	cache.Store
	// ReplaceDocuments gives the entry of a key other documents in place of lost
	// ones. The result stays what it is.
	ReplaceDocuments(ctx context.Context, k cache.Key, ingredients, provenance cache.Digest) error
}

// Remake writes the documents of an entry that a store lost: the ingredients
// anew, the provenance as far as the entry tells.
func Remake(ctx context.Context, store Documents, a *Action, e cache.Entry, lost []string) error {
	ingredients, provenance := e.Ingredients, e.Provenance
	var err error
	if slices.Contains(lost, "ingredients") {
		if ingredients, err = cache.WriteJSON(ctx, store, document(a.ingredients, a.Notes(), a.subject.Address, a.subject.Inputs.Study.Name)); err != nil {
			return err
		}
	}
	if slices.Contains(lost, "provenance") {
		p := Provenance{Address: a.subject.Address, Class: e.Class, Finished: e.Created, Remade: true}
		if provenance, err = cache.WriteJSON(ctx, store, p); err != nil {
			return err
		}
	}
	return store.ReplaceDocuments(ctx, e.Key, ingredients, provenance)
}
