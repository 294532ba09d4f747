//go:build !gcs

package remote

import (
	"context"
	"net/url"
)

func newGS(context.Context, *url.URL) (transport, error) { return nil, builtWithout("gs://", "gcs") }
