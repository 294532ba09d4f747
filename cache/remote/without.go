//go:build !gcs || !azure

package remote

import "fmt"

// builtWithout is the error of a program without a kind of remote.
func builtWithout(scheme, tag string) error {
	return fmt.Errorf("this program was built without support for %s: build one with it from ablate's source with\n\n    go build -tags %s ./cmd/ablate", scheme, tag)
}
