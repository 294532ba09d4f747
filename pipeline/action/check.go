package action

import (
	"encoding/json"
	"errors"
	"fmt"

	"ablate/cache"
)

// CheckIngredients reports a document that is not the description whose hash is
// the key of an entry. The author of an entry can write any document. The keys of
// states are hashes of other keys, which no document shows.
func CheckIngredients(e cache.Entry, raw []byte) error {
	if e.Block == cache.StateBlock {
		return nil
	}
	var doc cache.Value
	if err := json.Unmarshal(raw, &doc); err != nil {
		return fmt.Errorf("its ingredients are not a document: %w", err)
	}
	in := doc.At("ingredients")
	if in.IsZero() || in.Key(keyDomain) != e.Key {
		return errors.New("its ingredients do not hash to its key")
	}
	for _, field := range []struct{ name, want string }{{"block", e.Block}, {"type", e.Type}} {
		if got, _ := in.At(field.name).Text(); got != field.want {
			return fmt.Errorf("its ingredients have the %s %q, but the entry says %q", field.name, got, field.want)
		}
	}
	return nil
}
