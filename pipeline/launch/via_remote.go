package launch

import (
	"context"
	"fmt"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/pipeline/action"
	"ablate/pipeline/run"
)

// ViaRemote launches where the store's folder is not visible: it pushes inputs to
// the remote first, and pulls the result afterwards.
type ViaRemote struct {
	run.Launcher
	Push func(context.Context, ...cache.Key) error
	Pull func(context.Context, cache.Key) error
}

// Launch implements run.Launcher.
func (v ViaRemote) Launch(ctx context.Context, req action.Request, progress func(pipeline.Progress)) error {
	if err := v.Push(ctx, req.InputKeys()...); err != nil {
		return fmt.Errorf("pushing the inputs: %w", err)
	}
	if err := v.Launcher.Launch(ctx, req, progress); err != nil {
		return err
	}
	if err := v.Pull(ctx, req.Key); err != nil {
		return fmt.Errorf("pulling the result: %w", err)
	}
	return nil
}
