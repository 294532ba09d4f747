//go:build gcs || azure

package remote

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// cloud is an object store behind gocloud.dev.
type cloud struct {
	bucket *blob.Bucket
	name   string // with its scheme
	// answer returns the status and the message in a service's answer, or 0
	// without one.
	answer func(error) (status int, said string)
	// advise says what to do about an error that only this service has, or "".
	advise func(error) string
}

// chunk is how much is sent at a time, so that progress is noticed.
const chunk = 4 << 20

func (c *cloud) accessible(ctx context.Context) (err error) {
	defer c.survive(&err)
	_, _, err = c.bucket.ListPage(ctx, blob.FirstPageToken, 1, nil)
	if c.absent(err) {
		return fmt.Errorf("%s: there is no such bucket: check its name, or create it (%w)", c.name, err)
	}
	return c.explain(err)
}

// absent reports an error for a missing object. gocloud also calls objects missing
// to which access is denied.
func (c *cloud) absent(err error) bool {
	if err == nil || gcerrors.Code(err) != gcerrors.NotFound {
		return false
	}
	status, _ := c.answer(err)
	return status == 0 || status == http.StatusNotFound
}

func (c *cloud) open(ctx context.Context, key string) (body io.ReadCloser, err error) {
	defer c.survive(&err)
	r, err := c.bucket.NewReader(ctx, key, nil)
	if c.absent(err) {
		return nil, errAbsent
	}
	if err != nil {
		return nil, c.explain(err)
	}
	return unchecked{r}, nil
}

// unchecked hides that a service's client found damaged bytes: the caller verifies
// the digest, and tells damage from a service that fails.
type unchecked struct{ io.ReadCloser }

// Read implements io.Reader.
func (u unchecked) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if err != nil && strings.Contains(err.Error(), "bad CRC on read") {
		err = io.EOF
	}
	return n, err
}

// survive turns a panic into an error: gocloud panics if an answer from Azure lacks
// a header.
func (c *cloud) survive(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%s: the answer is not from an object store: a proxy or a login page may answer in its place (%v)", c.name, p)
	}
}

func (c *cloud) exists(ctx context.Context, key string) (there bool, err error) {
	defer c.survive(&err)
	_, err = c.bucket.Attributes(ctx, key)
	if c.absent(err) {
		return false, nil
	}
	return err == nil, c.explain(err)
}

// create uploads everything at once: when an upload to Azure fails, writing to a
// blob.Writer panics.
func (c *cloud) create(ctx context.Context, key string, raw []byte) error {
	return c.lost(c.bucket.Upload(ctx, key, moving(ctx, bytes.NewReader(raw)), &blob.WriterOptions{
		IfNotExist: true, ContentType: "application/octet-stream", DisableContentTypeDetection: true, BufferSize: chunk,
	}))
}

// lost ignores that another writer was first.
func (c *cloud) lost(err error) error {
	if err == nil || gcerrors.Code(err) == gcerrors.FailedPrecondition {
		return nil
	}
	switch status, _ := c.answer(err); status {
	case http.StatusPreconditionFailed, http.StatusConflict:
		return nil
	}
	return c.explain(err)
}

// explain adds what to do to an error of the service.
func (c *cloud) explain(err error) error {
	if err == nil {
		return nil
	}
	code, said := c.answer(err)
	hint := cmp.Or(c.advise(err), adviseStatus(code, err))
	switch {
	case hint != "" && code != 0:
		return fmt.Errorf("%s: %s (%d %s)", c.name, hint, code, said)
	case hint != "":
		return fmt.Errorf("%s: %s (%w)", c.name, hint, err)
	}
	return fmt.Errorf("%s: %w", c.name, err)
}
