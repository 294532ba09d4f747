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

// cloud is an object store that gocloud.dev speaks to.
type cloud struct {
	bucket *blob.Bucket
	name   string // with its scheme
	// answer is what the service said in an error: its status, 0 where it said
	// nothing, and in short what is wrong.
	answer func(error) (status int, said string)
	// advise says what to do about an error that only this service has; "" where
	// there is nothing to say.
	advise func(error) string
}

// chunk is what a service gets at a time, small enough to be seen moving.
const chunk = 4 << 20

func (c *cloud) accessible(ctx context.Context) (err error) {
	defer c.survive(&err)
	_, _, err = c.bucket.ListPage(ctx, blob.FirstPageToken, 1, nil)
	if c.absent(err) {
		return fmt.Errorf("%s: there is no such bucket: check its name, or create it (%w)", c.name, err)
	}
	return c.explain(err)
}

// absent reports that there is no such object. gocloud says so of what we may
// not see, too.
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

// unchecked ends where a service's client finds other bytes than were stored:
// who asked verifies the digest, and tells damage from a service that fails.
type unchecked struct{ io.ReadCloser }

// Read implements io.Reader.
func (u unchecked) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if err != nil && strings.Contains(err.Error(), "bad CRC on read") {
		err = io.EOF
	}
	return n, err
}

// survive makes an error of a panic: gocloud takes for granted that an answer
// from Azure has all headers that it should have.
func (c *cloud) survive(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%s: it answers as no object store does, but as a proxy or a login page with a web page may (%v)", c.name, p)
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

// create hands everything over at once: where an upload to Azure fails, a
// writer that is written to, which a given MD5 also leads to, panics.
func (c *cloud) create(ctx context.Context, key string, raw []byte) error {
	return c.lost(c.bucket.Upload(ctx, key, moving(ctx, bytes.NewReader(raw)), &blob.WriterOptions{
		IfNotExist: true, ContentType: "application/octet-stream", DisableContentTypeDetection: true, BufferSize: chunk,
	}))
}

// lost forgives that somebody else was first, or is being.
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

// explain says what to do about an error of the service.
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
