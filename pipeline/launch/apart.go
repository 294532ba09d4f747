package launch

import (
	"context"
	"fmt"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/run"
)

// Apart launches where the store's folder is not seen: inputs are sent to the
// remote before, and the result is brought from there afterwards.
type Apart struct {
	run.Launcher
	Send  func(context.Context, ...cache.Key) error
	Bring func(context.Context, cache.Key) error
}

// Launch implements pipeline.Launcher.
func (a Apart) Launch(ctx context.Context, req action.Request, progress func(pipeline.Progress)) error {
	if err := a.Send(ctx, req.InputKeys()...); err != nil {
		return fmt.Errorf("sending the inputs: %w", err)
	}
	if err := a.Launcher.Launch(ctx, req, progress); err != nil {
		return err
	}
	if err := a.Bring(ctx, req.Key); err != nil {
		return fmt.Errorf("bringing the result: %w", err)
	}
	return nil
}
