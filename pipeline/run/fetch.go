package run

import (
	"context"
	"fmt"

	"ablate/pipeline"
)

// bring fetches what a stage reads from other machines and the store lacks. The
// process that computes it finds it there, and needs neither a network nor the
// user's credentials.
func bring(ctx context.Context, stage pipeline.Stage, sources pipeline.Sources) error {
	far, ok := stage.(pipeline.Remote)
	from, has := sources.(pipeline.RemoteSources)
	if !ok || !has {
		return nil
	}
	for _, source := range far.Remotes() {
		r, err := from.OpenContext(ctx, source)
		if err != nil {
			return err
		}
		if err := r.Close(); err != nil {
			return fmt.Errorf("fetching %s: %w", source, err)
		}
	}
	return nil
}
