package source

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"ablate/cache"
	"ablate/cache/remote"
	"ablate/hcl/diag"
	"ablate/hcl/study"
	"ablate/pipeline"
)

// Pinned adds pinned remote sources to those of a folder. They are fetched once and
// kept in the store.
type Pinned struct {
	Folder
	Pins   map[string]study.Pin // by source
	Store  cache.Store
	Client *http.Client

	Offline bool // fetch nothing

	// SizeLine returns the line of a pin's size in the lock file, 0 where it is not
	// known. Nil knows none.
	SizeLine func(source string) int

	Patience time.Duration // how long a server may stall; 0 means remote.Patience
}

// FetchError says that a source on another machine cannot be fetched.
type FetchError struct {
	Source string // as the study names it
	Err    error
}

func (e *FetchError) Error() string { return fmt.Sprintf("%q cannot be fetched: %v", e.Source, e.Err) }

// Unwrap returns the cause.
func (e *FetchError) Unwrap() error { return e.Err }

// Diagnostics returns the error as one about the attribute that names the source.
func (e *FetchError) Diagnostics() diag.List {
	return diag.List{{Summary: "Unreachable source", Detail: e.Error() + ".", Path: diag.Path{"source"}}}
}

// SizeError says that a pin has another size than its content.
type SizeError struct {
	Source       string // as the study names it
	Place        string // of the pin: the lock file and the line
	Pinned, Size int64
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%s says that %q has %d bytes, but its content has %d. Set size to %d, or pin the current content with ablate init --upgrade",
		e.Place, e.Source, e.Pinned, e.Size, e.Size)
}

// Diagnostics returns the error as one about the attribute that names the source.
func (e *SizeError) Diagnostics() diag.List {
	return diag.List{{Summary: "Damaged pin", Detail: e.Error() + ".", Path: diag.Path{"source"}}}
}

// Prefetch copies a remote source into the store, unless the store has it.
func (s Pinned) Prefetch(ctx context.Context, source string) error {
	r, err := s.openContext(ctx, source)
	if err != nil {
		return err
	}
	if err := r.Close(); err != nil {
		return fmt.Errorf("fetching %s: %w", source, err)
	}
	return nil
}

// Expand implements Sources.
func (s Pinned) Expand(pattern string, exclude ...string) ([]string, error) {
	if !pipeline.IsRemote(pattern) {
		return s.Folder.Expand(pattern, exclude...)
	}
	if _, ok := s.Pins[pattern]; !ok {
		return nil, fmt.Errorf("it is not pinned in %s; fetch and pin it with ablate init --upgrade", study.LockFile)
	}
	return []string{pattern}, nil
}

// Digest implements Sources.
func (s Pinned) Digest(path string) (cache.Digest, int64, error) {
	if !pipeline.IsRemote(path) {
		return s.Folder.Digest(path)
	}
	pin, ok := s.Pins[path]
	if !ok {
		return cache.Digest{}, 0, fmt.Errorf("it is not pinned in %s", study.LockFile)
	}
	d, err := cache.ParseDigest("sha256:" + pin.Content)
	return d, pin.Size, err
}

// Open implements Sources.
func (s Pinned) Open(path string) (io.ReadCloser, error) {
	if !pipeline.IsRemote(path) {
		return s.Folder.Open(path)
	}
	return s.openContext(context.Background(), path)
}

func (s Pinned) openContext(ctx context.Context, path string) (io.ReadCloser, error) {
	d, _, err := s.Digest(path)
	if err != nil {
		return nil, err
	}
	pin := s.Pins[path]
	if r, err := s.Store.Open(ctx, d); err == nil {
		return &sizedReader{ReadCloser: r, want: pin.Size, wrong: func(size int64) error { return s.wrongSize(pin, size) }}, nil
	}
	got, err := s.fetch(ctx, path, pin.URL)
	if err != nil {
		return nil, err
	}
	if got.SHA256 != pin.SHA256 || got.Content != pin.Content {
		return nil, &FetchError{path, fmt.Errorf("%s is not what was pinned: its sha256 is %s, and %s says %s. If the new content is meant, run ablate init --upgrade",
			pin.URL, got.SHA256, study.LockFile, pin.SHA256)}
	}
	if got.Size != pin.Size {
		return nil, s.wrongSize(pin, got.Size)
	}
	return s.Store.Open(ctx, d)
}

// wrongSize is the error of a pin whose content has another size. The size decides
// where validation begins, and it is not in the key.
func (s Pinned) wrongSize(pin study.Pin, size int64) error {
	place := study.LockFile
	if s.SizeLine != nil {
		if line := s.SizeLine(pin.Source); line > 0 {
			place = fmt.Sprintf("%s:%d", place, line)
		}
	}
	return &SizeError{Source: pin.Source, Place: place, Pinned: pin.Size, Size: size}
}

// sizedReader reports content that is shorter or longer than its pin says.
type sizedReader struct {
	io.ReadCloser
	want, read int64
	wrong      func(size int64) error
}

// Read implements io.Reader. Content that is too long is read to its end, so that the
// error has its size.
func (r *sizedReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	r.read += int64(n)
	if r.read > r.want && err == nil {
		var rest int64
		rest, err = io.Copy(io.Discard, r.ReadCloser)
		r.read += rest
		if err == nil {
			err = io.EOF
		}
	}
	if errors.Is(err, io.EOF) && r.read != r.want {
		return n, r.wrong(r.read)
	}
	return n, err
}

// Fetch downloads a source into the store and returns its pin. A source that cannot
// be downloaded is a FetchError.
func (s Pinned) Fetch(ctx context.Context, source string) (study.Pin, error) {
	url, err := address(source)
	if err != nil {
		return study.Pin{}, &FetchError{source, err}
	}
	return s.fetch(ctx, source, url)
}

// fetch downloads from an address into the store.
func (s Pinned) fetch(ctx context.Context, source, url string) (study.Pin, error) {
	if s.Offline {
		return study.Pin{}, &FetchError{source, errors.New("it is not in the store, and --offline makes no requests")}
	}
	pin := study.Pin{Source: source}
	body, err := remote.Watch(ctx, cmp.Or(s.Patience, remote.Patience), func(ctx context.Context) (body io.ReadCloser, err error) {
		body, pin.URL, err = s.get(ctx, source, url)
		return body, err
	})
	if err != nil {
		return study.Pin{}, &FetchError{source, err}
	}
	defer body.Close()
	raw := sha256.New()
	plain, err := unpacked(io.TeeReader(body, raw), path.Base(strings.SplitN(url, "?", 2)[0]))
	if err != nil {
		return study.Pin{}, &FetchError{source, err}
	}
	defer plain.Close()
	w, err := s.Store.Create(ctx, "text/plain")
	if err != nil {
		return study.Pin{}, err
	}
	_, err = io.Copy(w, plain)
	if err == nil {
		_, err = io.Copy(raw, body) // the rest after the last compressed frame
	}
	if err != nil {
		return study.Pin{}, errors.Join(&FetchError{source, err}, w.Abort())
	}
	d, size, err := w.Commit()
	pin.SHA256, pin.Content, pin.Size = hex.EncodeToString(raw.Sum(nil)), d.Hex(), size
	return pin, err
}

// get opens an address, and returns the address of the version that it opened.
func (s Pinned) get(ctx context.Context, source, url string) (body io.ReadCloser, at string, err error) {
	if strings.HasPrefix(url, "s3://") {
		return openS3(ctx, url)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, "", err
	}
	token := os.Getenv("HF_TOKEN")
	if token != "" && strings.HasPrefix(url, endpoint()+"/") {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := s.Client.Do(req)
	if err != nil {
		return nil, "", err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, "", refused(source, resp, token)
	}
	return resp.Body, pinned(source, url, revisionOf(resp)), nil
}
