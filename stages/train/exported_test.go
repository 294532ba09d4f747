package train_test

import (
	"context"
	"io"
	"io/fs"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/hcl/addr"
	"ablate/pipeline"
	"ablate/stages/train"
)

// A level with an apostrophe does not end the argument of a command to copy.
func TestExportOfAnApostrophe(t *testing.T) {
	address, err := addr.Parse(`train.command.main["text=it's"]`)
	if err != nil {
		t.Fatal(err)
	}
	c := train.Command{}
	c.Outputs = []string{"model.pt"}
	err = c.Export(context.Background(), "", pipeline.Export{Address: address, Entry: cache.Entry{},
		Open: func(cache.Digest) (io.ReadCloser, error) { return nil, fs.ErrNotExist }})
	if want := `ablate run --repeat 'train.command.main["text=it'\''s"]'`; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("Export says %v, want %s", err, want)
	}
}
