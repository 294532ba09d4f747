//go:build !azure

package remote

import (
	"context"
	"net/url"
)

func newAzure(context.Context, *url.URL) (transport, error) {
	return nil, builtWithout("azblob://", "azure")
}
