package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Artifact is one named output of an action.
type Artifact struct {
	Name      string `json:"name"`
	MediaType string `json:"media_type"`
	Digest    Digest `json:"digest"` // of the plain bytes
	Size      int64  `json:"size"`   // of the plain bytes

	// Retention is what the kind declared when it made the artifact. An artifact
	// without one is kept as long as a recorded run or a pin needs it.
	Retention Retention `json:"retention,omitempty"`
}

// Retention says how long an artifact is kept.
type Retention string

// What a kind may declare about an artifact.
const (
	Keep  Retention = "keep"  // small, measured and not reproducible: always kept
	Evict Retention = "evict" // large and reproducible: may be removed while its entry stays a hit
)

// Origin says how an entry came into this store. It belongs to the store and
// never leaves it.
type Origin string

// Origins of an entry. An entry without one came from elsewhere unverified, or
// was published by a version of ablate that recorded no origin.
const (
	Computed Origin = "computed" // by this store's user
	Verified Origin = "verified" // pulled with the signature of a trusted key
)

// Entry records what the action of a key produced.
type Entry struct {
	Key         Key        `json:"key"`
	Block       string     `json:"block"` // kind of the action, for ls, du and explain
	Type        string     `json:"type"`
	Artifacts   []Artifact `json:"artifacts"`       // sorted by name
	Ingredients Digest     `json:"ingredients"`     // blob: the description whose hash is the key
	Provenance  Digest     `json:"provenance"`      // blob: who, where, when, how long; never an input
	Class       string     `json:"class,omitempty"` // numerics class, for warnings about mixtures
	Created     time.Time  `json:"created"`
	Origin      Origin     `json:"origin,omitempty"` // in the local store only
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

// Documents are the entry's ingredients and provenance, whose sizes it does not state:
// they are -1.
func (e Entry) Documents() []Artifact {
	return []Artifact{
		{Name: "ingredients", MediaType: "application/json", Digest: e.Ingredients, Size: -1},
		{Name: "provenance", MediaType: "application/json", Digest: e.Provenance, Size: -1},
	}
}

// Blobs lists everything that the entry names.
func (e Entry) Blobs() []Artifact { return append(e.Documents(), e.Artifacts...) }

// Shared is the entry as other machines see it, without what only this store
// knows about it.
func (e Entry) Shared() Entry {
	e.Origin = ""
	return e
}

// Same reports whether two entries are the same record, wherever they are kept.
func (e Entry) Same(other Entry) bool {
	return string(EncodeEntry(e.Shared())) == string(EncodeEntry(other.Shared()))
}

// SameArtifacts reports whether two entries hold the same result. Who computed
// it, and when, may differ.
func (e Entry) SameArtifacts(other Entry) bool {
	return slices.EqualFunc(e.Artifacts, other.Artifacts, func(a, b Artifact) bool {
		return a.Name == b.Name && a.Digest == b.Digest
	})
}

// Signable reports whether the store's owner may vouch for the entry: it was
// computed here, or came in verified.
func (e Entry) Signable() bool { return e.Origin == Computed || e.Origin == Verified }

// entryHead begins the file of an entry; the digest of the rest ends the line.
const entryHead = "ablate entry 1 "

// EncodeEntry writes an entry as JSON after a line with its digest.
func EncodeEntry(e Entry) []byte {
	body, err := json.Marshal(e)
	if err != nil {
		panic("cache: an entry does not marshal: " + err.Error())
	}
	return append([]byte(entryHead+DigestOf(body).String()+"\n"), body...)
}

// DecodeEntry reads what EncodeEntry wrote, and refuses anything else.
func DecodeEntry(raw []byte) (Entry, error) {
	head, body, ok := strings.Cut(string(raw), "\n")
	sum, known := strings.CutPrefix(head, entryHead)
	if !ok || !known {
		return Entry{}, errors.New("it does not start like an entry")
	}
	if DigestOf([]byte(body)).String() != sum {
		return Entry{}, errors.New("its digest does not match")
	}
	var e Entry
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		return Entry{}, err
	}
	return e, nil
}

// Check says what is wrong with an entry that came from another machine. No program
// makes a result without artifacts, or with names that could leave a folder or
// disturb a terminal.
func (e Entry) Check() error {
	for _, s := range []string{e.Block, e.Type, e.Class} {
		if strings.ContainsFunc(s, unicode.IsControl) || len(s) > maxName {
			return fmt.Errorf("it contains the text %.100q", s)
		}
	}
	switch {
	case e.Block == "" || e.Type == "":
		return errors.New("it does not say what it is the result of")
	case len(e.Artifacts) == 0 && e.Block != StateBlock: // some states only record a fact
		return errors.New("it has no artifacts")
	}
	names := make(map[string]bool)
	for _, a := range e.Artifacts {
		if names[a.Name] {
			return fmt.Errorf("it has two artifacts %.100q", a.Name)
		}
		names[a.Name] = true
		if err := a.check(); err != nil {
			return err
		}
	}
	return nil
}

// maxName bounds names in entries.
const maxName = 1000

func (a Artifact) check() error {
	switch {
	case a.Name == "" || strings.HasPrefix(a.Name, ".") || !filepath.IsLocal(a.Name) || strings.ContainsAny(a.Name, `/\:`) ||
		strings.ContainsFunc(a.Name, unicode.IsControl) || len(a.Name) > maxName:
		return fmt.Errorf("it has an artifact named %.100q", a.Name)
	case a.Size < 0:
		return fmt.Errorf("its artifact %s has the size %d", a.Name, a.Size)
	case a.Retention != "" && a.Retention != Keep && a.Retention != Evict:
		return fmt.Errorf("its artifact %s has the retention %.100q", a.Name, a.Retention)
	case strings.ContainsFunc(a.MediaType, unicode.IsControl) || len(a.MediaType) > maxName:
		return fmt.Errorf("its artifact %s has the media type %.100q", a.Name, a.MediaType)
	}
	return nil
}
