package pipeline

import (
	"context"
	"io"

	"ablate/cache"
	"ablate/hcl/addr"
)

// Exporter is a stage whose result can be exported for other programs.
type Exporter interface {
	// Export writes an entry in a format, as one file or several. "" is the usual format.
	Export(ctx context.Context, format string, x Export) error
}

// Export is what an Exporter reads from and writes to.
type Export struct {
	Address addr.Instance
	Inputs  Inputs
	Entry   cache.Entry
	Read    func(d cache.Digest) ([]byte, error)
	Open    func(d cache.Digest) (io.ReadCloser, error) // fails at the end of content that is not of the digest
	Create  func(name string) (io.WriteCloser, error)
}
