package run

import (
	"context"
	"errors"

	"ablate/hcl/diag"
	"ablate/pipeline"
)

// prefetcher is what sources on other machines can do beside being read.
type prefetcher interface {
	Prefetch(ctx context.Context, source string) error
}

// prefetch brings what a stage reads from other machines into the store. The
// process that computes it finds it there, and needs neither a network nor the
// user's credentials.
func prefetch(ctx context.Context, stage pipeline.Stage, sources pipeline.Sources) error {
	reader, ok := stage.(pipeline.RemoteReader)
	from, can := sources.(prefetcher)
	if !ok || !can {
		return nil
	}
	for _, source := range reader.Remotes() {
		if err := from.Prefetch(ctx, source); err != nil {
			return err
		}
	}
	return nil
}

// diagnosed is an error about something that the study names, such as a source
// that cannot be fetched.
type diagnosed interface{ Diagnostics() diag.List }

// diagnostics are what an error says of the study, if anything.
func diagnostics(err error) (diag.List, bool) {
	var d diagnosed
	if errors.As(err, &d) {
		return d.Diagnostics(), true
	}
	return diag.From(err)
}
