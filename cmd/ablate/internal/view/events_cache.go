package view

import (
	"fmt"
	"strconv"
	"strings"

	"ablate/cache"
)

// CacheEntry reports an entry of the store.
type CacheEntry struct {
	Entry cache.Entry `json:"entry" doc:"the entry"`
}

func (CacheEntry) kind() string { return "entry" }

func (e CacheEntry) text() string {
	var names []string
	for _, a := range e.Entry.Artifacts {
		names = append(names, a.Name)
	}
	return fmt.Sprintf("%s  %s  %-22s %s\n", ShortKey(e.Entry.Key),
		e.Entry.Created.Local().Format("2006-01-02 15:04:05"), e.Entry.Block+"."+e.Entry.Type, strings.Join(names, ", "))
}

// Usage reports the space that one kind of entry takes.
type Usage struct {
	Kind    string `json:"kind" doc:"block and type, such as train.lm"`
	Entries int    `json:"entries" doc:"number of entries"`
	Blobs   int    `json:"blobs" doc:"number of blobs"`
	Bytes   int64  `json:"bytes" doc:"bytes of the plain content"`
	Stored  int64  `json:"stored" doc:"bytes on disk"`
}

func (Usage) kind() string { return "usage" }

// UsageTable lists the space that kinds of entries take, and its sum.
func UsageTable(list []Usage, width int) string {
	t := table{head: []string{"kind", "entries", "on disk", "uncompressed"}, right: []bool{false, true, true, true}}
	all := Usage{Kind: "all"}
	for _, u := range append(list, all) {
		if u.Kind == all.Kind {
			u = all
		}
		all.Entries, all.Stored, all.Bytes = all.Entries+u.Entries, all.Stored+u.Stored, all.Bytes+u.Bytes
		t.rows = append(t.rows, []string{u.Kind, strconv.Itoa(u.Entries), Size(u.Stored), Size(u.Bytes)})
	}
	return t.text(width)
}

// Damage reports a damaged blob.
type Damage struct {
	Key      cache.Key    `json:"key" doc:"key of the entry"`
	Artifact string       `json:"artifact" doc:"the artifact, or ingredients or provenance"`
	Digest   cache.Digest `json:"digest" doc:"digest that the blob should have"`
	Error    string       `json:"error" doc:"what is wrong"`
	Kind     string       `json:"-"` // block and type of the entry
}

func (Damage) kind() string { return "damage" }

func (e Damage) text() string {
	return fmt.Sprintf("%s %s, %s: %s\n", e.Kind, ShortKey(e.Key), e.Artifact, e.Error)
}

// Verified reports the totals of a check.
type Verified struct {
	Entries  int `json:"entries" doc:"entries that were read"`
	Blobs    int `json:"blobs" doc:"blobs that were read"`
	Damaged  int `json:"damaged" doc:"damaged entries and blobs"`
	Repaired int `json:"repaired" doc:"blobs that were fetched again from the remote"`
	Gone     int `json:"gone" doc:"artifacts that were collected or never pulled"`
}

func (Verified) kind() string { return "verified" }

func (e Verified) text() string {
	gone := ""
	if e.Gone > 0 {
		gone = fmt.Sprintf(", %d without content here (checkpoints and states that were removed, never fetched, or not kept)", e.Gone)
	}
	return fmt.Sprintf("Read %s with %s: %d damaged, %d repaired%s.\n", entries(e.Entries), Count(e.Blobs, "blob"), e.Damaged, e.Repaired, gone)
}

// Garbage reports a file that can be removed.
type Garbage struct {
	Path  string `json:"path" doc:"the file"`
	Bytes int64  `json:"bytes" doc:"its size"`
	Why   string `json:"why" doc:"why it can be removed"`
}

func (Garbage) kind() string { return "garbage" }

// GarbageTable sums garbage up by reason, in the order of first appearance.
func GarbageTable(list []Garbage) string {
	counts, bytes := make(map[string]int), make(map[string]int64)
	var order []string
	for _, g := range list {
		if counts[g.Why] == 0 {
			order = append(order, g.Why)
		}
		counts[g.Why]++
		bytes[g.Why] += g.Bytes
	}
	var b strings.Builder
	for _, why := range order {
		fmt.Fprintf(&b, "%10s in %6d  %s\n", Size(bytes[why]), counts[why], why)
	}
	return b.String()
}

// Collectable reports what a collection would remove.
type Collectable struct {
	Bytes int64 `json:"bytes" doc:"bytes that can be freed"`
	Kept  int64 `json:"kept" doc:"bytes of blobs that would remain"`
	Young int64 `json:"young" doc:"of these, what is kept only because it is younger than --grace"`

	Files int `json:"-"` // that can be removed
}

func (Collectable) kind() string { return "collectable" }

func (e Collectable) text() string {
	if e.Files == 0 {
		return fmt.Sprintf("Nothing can be removed; the store has %s of blobs.\n", Size(e.Kept))
	}
	return fmt.Sprintf("%s can be removed; %s of blobs would remain. Add --apply to remove it.\n", Size(e.Bytes), Size(e.Kept))
}

// Collected reports the totals of a collection.
type Collected struct {
	Bytes int64 `json:"bytes" doc:"bytes that were freed"`
	Kept  int64 `json:"kept" doc:"bytes of blobs that remain"`
}

func (Collected) kind() string { return "collected" }

func (e Collected) text() string {
	return fmt.Sprintf("Removed %s; %s of blobs remain.\n", Size(e.Bytes), Size(e.Kept))
}

// Pinned reports a result that is kept from collection.
type Pinned struct{ KeyOf }

func (Pinned) kind() string { return "pinned" }

func (e Pinned) text() string { return "pinned " + e.line() }

// Unpinned reports a result that can be collected again.
type Unpinned struct{ KeyOf }

func (Unpinned) kind() string { return "unpinned" }

func (e Unpinned) text() string { return "unpinned " + e.line() }

// Disowned reports a result that was invalidated.
type Disowned struct {
	KeyOf
	Reason string `json:"reason" doc:"why"`
}

func (Disowned) kind() string { return "disowned" }

func (e Disowned) text() string { return "disowned " + e.line() }

// DependsOnDisowned reports an instance that depends on an invalidated result.
type DependsOnDisowned struct {
	Address string `json:"address" doc:"the instance"`
}

func (DependsOnDisowned) kind() string { return "rests_on_disowned" }

func (e DependsOnDisowned) text() string { return fmt.Sprintf("  %s depends on it\n", e.Address) }

// Moved reports an entry that was pushed or pulled.
type Moved struct {
	Verb    string    `json:"-"` // pushed or pulled
	Address string    `json:"address" doc:"the instance"`
	Key     cache.Key `json:"key" doc:"its key"`
	Blobs   int       `json:"blobs" doc:"blobs that were transferred"`
	Bytes   int64     `json:"bytes" doc:"bytes that were transferred"`
	Nth     int       `json:"-"` // of so many
	Of      int       `json:"-"`
}

func (e Moved) kind() string { return e.Verb }

func (e Moved) remark() string {
	if e.Blobs == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d %s %s (%s)", e.Nth, e.Of, e.Verb, e.Address, Size(e.Bytes))
}

// NotMoved reports an entry that could not be pushed or pulled.
type NotMoved struct {
	Verb    string `json:"-"` // pushed or pulled
	Address string `json:"address" doc:"the instance"`
	Error   string `json:"error" doc:"why"`
}

func (e NotMoved) kind() string { return "not_" + e.Verb }

func (e NotMoved) remark() string { return e.Address + ": " + e.Error }

// RemoteFailed reports that the remote failed repeatedly.
type RemoteFailed struct {
	Remote string `json:"remote" doc:"URL of the remote"`
	Left   int    `json:"left" doc:"entries that were not transferred"`
	Error  string `json:"error" doc:"the first failure"`
	Times  int    `json:"-"`
	Verb   string `json:"-"`
}

func (RemoteFailed) kind() string { return "remote_failed" }

func (e RemoteFailed) remark() string {
	return fmt.Sprintf("The remote failed %s in a row, so the rest was not tried: %s\n%s not %s. Run the same command again to continue.",
		Count(e.Times, "time"), e.Error, Counted(e.Left, "entry was", "entries were"), e.Verb)
}

// Transferred is the line that ends a push or a pull. there counts the entries of a push
// that the remote had.
func Transferred(done, there int, verb string, bytes int64, failed int, remote string) string {
	had := ""
	if there > 0 {
		had = fmt.Sprintf(" (the remote has %d already)", there)
	}
	return fmt.Sprintf("%s %s%s, %s transferred, %d failed: %s\n", entries(done), verb, had, Size(bytes), failed, remote)
}

// Serving reports that the server is listening.
type Serving struct {
	Address string `json:"address" doc:"host and port"`
	Dir     string `json:"-"`
	Scheme  string `json:"-"`
}

func (Serving) kind() string { return "serving" }

func (e Serving) remark() string {
	return fmt.Sprintf("Serving %s at %s://%s", e.Dir, e.Scheme, e.Address)
}

// Keys reports a new pair of keys.
type Keys struct {
	Private string `json:"private" doc:"the file with the private key"`
	Public  string `json:"public" doc:"the public key"`
}

func (Keys) kind() string { return "keys" }

func (e Keys) text() string { return e.Public + "\n" }

func (e Keys) fitted(int) string { return e.text() } // a key is copied whole
