package study

// LockFile pins the remote sources of a study, and what was declared before
// its trials were known. It is committed with it.
const LockFile = "study.lock.hcl"

// Pin is what a remote source was when it was pinned.
type Pin struct {
	Source  string // as the study names it
	URL     string // where it is fetched from, with its revision
	SHA256  string // hex, of the bytes that are sent
	Content string // hex, of the bytes decompressed
	Size    int64  // of the bytes decompressed
}

// Frozen is what an analysis had declared when its first trials were still to
// come.
type Frozen struct {
	Address   string
	Time      string            // RFC 3339
	Known     int               // trials that had a result by then
	Trials    int               // of so many
	Contrasts map[string]string // by name, the digest of the declaration
}
