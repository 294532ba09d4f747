//go:build !gcs && !azure

package remote

import (
	"context"
	"strings"
	"testing"
)

// A program without a kind of remote says how to build one with it.
func TestBuiltWithout(t *testing.T) {
	for url, want := range map[string]string{
		"gs://bucket/team":        "go build -tags gcs ./cmd/ablate",
		"azblob://container/team": "go build -tags azure ./cmd/ablate",
	} {
		if _, err := Open(context.Background(), Options{URL: url}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
}
