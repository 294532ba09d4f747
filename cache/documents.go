package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// sumField ends a document: the digest of the rest, as JSON that earlier
// versions skip.
const sumField = `,"sum":"`

// writeDocument writes a document with its digest.
func (s *Local) writeDocument(name string, doc any) error {
	raw, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	sealed := fmt.Appendf(nil, `%s%s%s"}`, raw[:len(raw)-1], sumField, DigestOf(raw))
	return advise(s.writeFile(name, sealed))
}

// checkDocument returns a document without its digest, and an error if that
// does not match. Earlier versions wrote none.
func checkDocument(raw []byte) ([]byte, error) {
	body, rest, ok := strings.Cut(string(raw), sumField)
	if !ok {
		return raw, nil
	}
	body += "}"
	if DigestOf([]byte(body)).String()+`"}` != rest {
		return nil, errors.New("its digest does not match")
	}
	return []byte(body), nil
}

// readDocument reads what writeDocument wrote.
func (s *Local) readDocument(name string, doc any) error {
	raw, err := s.readFile(name)
	if err == nil {
		raw, err = checkDocument(raw)
	}
	if err == nil {
		err = json.Unmarshal(raw, doc)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", name, err)
	}
	return nil
}

// readDocuments reads the documents of a folder. The error names those that cannot be
// read; the others are returned all the same.
func readDocuments[T any](s *Local, dir string) (all []T, err error) {
	names, err := s.readNames(s.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	slices.Sort(names)
	for _, name := range names {
		if !strings.HasSuffix(name, ".json") || strings.HasPrefix(name, ".") {
			continue
		}
		var doc T
		e := s.readDocument(s.path(dir, name), &doc)
		if e == nil {
			all = append(all, doc)
		} else if !errors.Is(e, fs.ErrNotExist) { // removed meanwhile
			err = errors.Join(err, e)
		}
	}
	return all, err
}
