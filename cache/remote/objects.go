package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"ablate/cache"
)

// objects is a bucket of an object store.
type objects interface {
	// open reads an object. If there is none, the error is errAbsent.
	open(ctx context.Context, key string) (io.ReadCloser, error)
	exists(ctx context.Context, key string) (bool, error)
	// create stores an object unless there is one of that key, which is no error.
	create(ctx context.Context, key string, raw []byte) error
	// accessible reports a bucket that does not exist or denies access.
	accessible(ctx context.Context) error
}

// objectStore is a transport over an object store. Blobs larger than a part are
// several objects and a list of them, so that each is created by one conditional
// write and an interrupted transfer resumes.
type objectStore struct {
	objects
	prefix string
}

// partSize is the largest object.
const partSize = 64 << 20

// underPrefix is the object store of an address scheme://bucket/prefix.
func underPrefix(o objects, u *url.URL) objectStore {
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		prefix += "/"
	}
	return objectStore{o, prefix}
}

// key distributes objects over prefixes, and leaves room for other layouts.
func (s objectStore) key(name string) string {
	kind, hash, _ := strings.Cut(name, "/")
	return s.prefix + "v1/" + kind + "/" + hash[:2] + "/" + hash
}

func (s objectStore) partsKey(name string) string {
	return s.key(strings.Replace(name, "cas/", "parts/", 1))
}

// check also reads an object that does not exist: the answer says more about what
// is wrong than one about the bucket, and a server that has it is no object store.
func (s objectStore) check(ctx context.Context) error {
	err := s.accessible(ctx)
	r, why := s.open(ctx, s.prefix+"v1/none")
	switch {
	case why == nil:
		r.Close()
		return errPage
	case !errors.Is(why, errAbsent):
		return why
	}
	return err
}

// adviseStatus says what to do about the answer of an object store, or about a
// failed connection, which has code 0. It returns "" if it has no advice.
func adviseStatus(code int, err error) string {
	switch {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return "access denied: check the credentials and the bucket's policy"
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		return "the object store is too busy, also after retries: try again later"
	case code >= http.StatusInternalServerError:
		return "the object store fails, also after retries: try again later"
	}
	return adviseConnection(err)
}

// parts lists the objects of a large blob, in order.
type parts struct {
	Version int      `json:"version"`
	Parts   []string `json:"parts"` // keys under cas/
}

func (s objectStore) get(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := s.open(ctx, s.key(name))
	if !errors.Is(err, errAbsent) || !strings.HasPrefix(name, "cas/") {
		return r, err
	}
	list, err := s.open(ctx, s.partsKey(name))
	if err != nil {
		return nil, err
	}
	defer list.Close()
	var p parts
	if err := json.NewDecoder(io.LimitReader(list, maxResultSize)).Decode(&p); err != nil {
		return nil, badError{fmt.Errorf("the list of parts of %s is damaged: %w", name, err)}
	}
	return &joined{ctx: ctx, s: s, rest: p.Parts}, nil
}

// joined reads the parts of a blob one after the other. The caller verifies the
// whole.
type joined struct {
	ctx  context.Context
	s    objectStore
	rest []string
	now  io.ReadCloser
}

// Read implements io.Reader.
func (j *joined) Read(p []byte) (int, error) {
	for {
		if j.now == nil {
			if len(j.rest) == 0 {
				return 0, io.EOF
			}
			d, ok := digestOf(j.rest[0])
			if !ok {
				return 0, fmt.Errorf("the list of parts names %.100q", j.rest[0])
			}
			r, err := j.s.open(j.ctx, j.s.key(casName(d)))
			if err != nil {
				return 0, fmt.Errorf("reading the part %s: %w", d, err)
			}
			j.now, j.rest = r, j.rest[1:]
		}
		n, err := j.now.Read(p)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		err = j.now.Close()
		j.now = nil
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Close implements io.Closer.
func (j *joined) Close() error {
	if j.now == nil {
		return nil
	}
	return j.now.Close()
}

func (s objectStore) has(ctx context.Context, name string, _ int64) (bool, error) {
	there, err := s.exists(ctx, s.key(name))
	if there || err != nil || !strings.HasPrefix(name, "cas/") {
		return there, err
	}
	return s.exists(ctx, s.partsKey(name))
}

func (s objectStore) put(ctx context.Context, name string, o object) error {
	r, err := o.open()
	if err != nil {
		return err
	}
	defer r.Close()
	if o.size <= partSize {
		raw, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return s.create(ctx, s.key(name), raw)
	}
	var list parts
	list.Version = 1
	buffer := make([]byte, partSize)
	for {
		n, err := io.ReadFull(r, buffer)
		if n > 0 {
			part := casName(cache.DigestOf(buffer[:n]))
			there, err := s.has(ctx, part, -1) // from an interrupted transfer
			if err == nil && !there {
				err = s.create(ctx, s.key(part), buffer[:n])
			}
			if err != nil {
				return err
			}
			list.Parts = append(list.Parts, part)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return s.create(ctx, s.partsKey(name), raw)
}
