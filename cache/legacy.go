package cache

import (
	"bytes"
	"errors"
	"io/fs"
)

// Versions of the program that know only format 1 of the index keep it in the
// file "index". While that file exists, it gets every entry published here:
// those versions look for nothing else when they collect garbage.
const (
	legacyName = "index"
	legacyHead = "ablate index 1\n"
)

// appendLegacy adds entries to an index of format 1. An index of that name with
// other content is removed, so that those versions rebuild it without reporting
// damage. The caller holds the lock of the index.
func (s *Local) appendLegacy(entries []Entry) error {
	f, err := s.openFile(s.path(legacyName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	head := make([]byte, len(legacyHead))
	if err == nil {
		f.ReadAt(head, 0) // what is shorter does not match
		f.Close()
	}
	if !bytes.Equal(head, []byte(legacyHead)) {
		return s.fs.Remove(s.path(legacyName))
	}
	var raw []byte
	for _, e := range entries {
		raw = appendLegacyRecord(raw, e)
	}
	return s.appendFile(s.path(legacyName), raw)
}

// appendLegacyRecord encodes an entry for an index of format 1, which knows
// neither retention nor origin.
func appendLegacyRecord(b []byte, e Entry) []byte {
	body := appendCommon(nil, e)
	for _, a := range e.Artifacts {
		body = appendArtifact(body, a)
	}
	return frame(b, body)
}
