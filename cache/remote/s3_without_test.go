//go:build nos3

package remote

import (
	"context"
	"errors"
	"testing"
)

func TestBuiltWithoutS3(t *testing.T) {
	if _, err := Open(context.Background(), Options{URL: "s3://bucket/team"}); !errors.Is(err, errWithoutS3) {
		t.Errorf("a remote: %v", err)
	}
	if _, _, err := OpenS3(context.Background(), "bucket", "text", ""); !errors.Is(err, errWithoutS3) {
		t.Errorf("a source: %v", err)
	}
}
