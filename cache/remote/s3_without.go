//go:build nos3

package remote

import (
	"context"
	"errors"
	"io"
	"net/url"
)

// errWithoutS3 reports a program that was built to be small.
var errWithoutS3 = errors.New("this program was built without support for s3:// (tag nos3): build it without the tag, with\n\n    go build ./cmd/ablate")

func newS3(context.Context, *url.URL) (transport, error) { return nil, errWithoutS3 }

// OpenS3 fails, since this program has no client for S3.
func OpenS3(context.Context, string, string, string) (body io.ReadCloser, at string, err error) {
	return nil, "", errWithoutS3
}
