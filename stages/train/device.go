package train

import (
	"errors"
	"fmt"
	"strings"

	"ablate/pipeline"
	"ablate/stages/internal/ml"
)

// explain adds advice to the error of a failed device. Nothing is lost: the result
// is not published, and saved states are kept.
func (t *LM) explain(in pipeline.Inputs, err error) error {
	var device *ml.DeviceError
	if t.Backend == "go" || !errors.As(err, &device) {
		return err
	}
	said, _, _ := strings.Cut(err.Error(), "\n") // the rest is the plugin's stack trace
	if !device.OutOfMemory() {
		return fmt.Errorf("%s failed: %s. Saved states are kept: once the device works, run the same command again to resume", t.Backend, said)
	}
	m := t.recipe(in).memory()
	return fmt.Errorf("%s has too little free memory: this trial needs about %s (parameters %s, optimizer %s, gradients %s, logits %s, activations %s, the update %s). "+
		"Another process may hold some of the device's (nvidia-smi). Smaller batch.sequences with a larger accumulate, loss_chunk, gradient_checkpointing, or a model's attention = \"flash\" take less. It said: %s",
		t.Backend, gib(m.Total()), gib(m.Parameters), gib(m.State), gib(m.Gradients), gib(m.Logits), gib(m.Activations), gib(m.Update), said)
}

func gib(n int64) string { return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30)) }
