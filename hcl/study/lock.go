package study

// LockFile is the name of the file that pins the remote sources of a study and
// freezes what its analyses declared before their trials finished. It is committed
// with the study.
const LockFile = "study.lock.hcl"

// Pin is the content of a remote source when it was pinned.
type Pin struct {
	Source  string // as written in the study
	URL     string // with the revision
	SHA256  string // of the transferred bytes, in hexadecimal
	Content string // SHA-256 of the decompressed bytes, in hexadecimal
	Size    int64  // of the decompressed bytes
}

// Frozen is what an analysis declared when some of its trials had no result yet.
type Frozen struct {
	Address   string
	Time      string            // RFC 3339
	Known     int               // trials that had a result then
	Trials    int               // all trials
	Contrasts map[string]string // digests of the declarations, by name
}
