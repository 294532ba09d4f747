// Package cache keeps what actions produced, by content and by key.
//
// A blob is bytes named by their digest. An entry is what the action of a key
// produced: artifacts, provenance, ingredients. Blobs are published before the
// entry that names them, an entry is created if absent as the last step, and
// every read is verified, so a crash leaves garbage but never a lie.
//
// The package knows nothing of studies, training or GoMLX.
package cache

import (
	"context"
	"io"
	"time"
)

// Artifact is one named output of an action.
type Artifact struct {
	Name      string `json:"name"`
	MediaType string `json:"media_type"`
	Digest    Digest `json:"digest"` // of the plain bytes
	Size      int64  `json:"size"`   // of the plain bytes

	// Retention is what the kind declared when it made the artifact; "" is kept
	// as long as a recorded run or a pin needs it.
	Retention Retention `json:"retention,omitempty"`
}

// Retention says how long an artifact is kept.
type Retention string

// What a kind may declare of an artifact.
const (
	Keep  Retention = "keep"  // measured, small and not to be had again: always stays
	Evict Retention = "evict" // large, and can be made again: may go while its entry stays a hit
)

// Entry is what the action of a key produced.
type Entry struct {
	Key         Key        `json:"key"`
	Block       string     `json:"block"` // kind of the action, for ls, du and explain
	Type        string     `json:"type"`
	Artifacts   []Artifact `json:"artifacts"`       // sorted by name
	Ingredients Digest     `json:"ingredients"`     // blob: the description whose hash is the key
	Provenance  Digest     `json:"provenance"`      // blob: who, where, when, how long; never an input
	Class       string     `json:"class,omitempty"` // numerics class, for warnings about mixtures
	Created     time.Time  `json:"created"`
}

// Artifact returns the artifact of that name.
func (e Entry) Artifact(name string) (Artifact, bool) {
	for _, a := range e.Artifacts {
		if a.Name == name {
			return a, true
		}
	}
	return Artifact{}, false
}

// Found is the answer to one key of a Lookup. OK is false on a miss.
type Found struct {
	OK     bool
	Entry  Entry
	Absent []string // names of artifacts whose blobs are not here
	Away   bool     // the entry is on a remote only, and must be pulled first
}

// Store is a content-addressed cache, safe for many processes at once.
type Store interface {
	// Lookup answers for each key, in order. It reads the index once, not an
	// entry a key.
	Lookup(ctx context.Context, keys ...Key) ([]Found, error)
	// Publish records an entry if its key has none. All its blobs must be here
	// but for the artifacts named, which count as evicted. Losing the race is no
	// error: the entry that won is returned.
	Publish(ctx context.Context, e Entry, evicted ...string) (Entry, error)
	// Open returns the plain bytes of a blob. Bytes that do not match the
	// digest surface as a *DamagedError, never as content: small blobs are
	// verified before Open returns, large ones by the time Read returns EOF.
	Open(ctx context.Context, d Digest) (io.ReadCloser, error)
	// Map returns all plain bytes of a blob, verified. Where the blob lies raw on
	// a disk they are its file's pages, which processes share and the kernel
	// drops and reads again as it likes; elsewhere they are a copy.
	Map(ctx context.Context, d Digest) (*Mapped, error)
	// Evict drops blobs that can be made again. Entries that name them stay,
	// and Lookup says from then on that they are absent.
	Evict(ctx context.Context, ds ...Digest) error
	// Create begins a new blob. Commit makes it durable and visible.
	Create(ctx context.Context, mediaType string) (Writer, error)
}

// Writer receives the plain bytes of a new blob.
type Writer interface {
	io.Writer
	// Commit makes the blob durable and returns its digest and plain size.
	Commit() (Digest, int64, error)
	// Abort throws the bytes away. After Commit it does nothing.
	Abort() error
}
