package record

import (
	"ablate/cache"
)

// LegacyRetention is the retention of an artifact in an entry that was written
// before entries recorded it.
func LegacyRetention(e cache.Entry, artifact string) cache.Retention {
	switch {
	case e.Block == cache.StateBlock && e.Type == "lm" && (artifact == "rows" || artifact == "note"):
		return cache.Keep // what a trial measured on its way
	case e.Block != "train":
		return ""
	case e.Type == "lm" && artifact == Checkpoint:
		return cache.Evict
	}
	return cache.Keep
}
