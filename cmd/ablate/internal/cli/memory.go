package cli

import (
	"fmt"

	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline/planner"
)

// checkMemory refuses trials whose parameters, optimizer state and gradients alone
// exceed the memory of this machine's device. It reports one trial of each stage.
// The devices of other executors are not known here.
func (w *workspace) checkMemory(plan *planner.Plan) diag.List {
	var list diag.List
	reported := make(map[addr.Stage]bool)
	for _, t := range plan.Tasks {
		todo := t.Status == planner.Run || t.Status == planner.Resume
		if !todo || t.Executor() != "" || reported[t.Address.Stage] {
			continue
		}
		work, ok := t.Work()
		if !ok || work.Fits() {
			continue
		}
		reported[t.Address.Stage] = true
		at, m := w.graph.Instance(t.Address).Range, work.Memory
		list = append(list, diag.Diagnostic{
			Severity: diag.Error, Range: &at, Address: t.Address.String(), Summary: "Does not fit the device",
			Detail: fmt.Sprintf("The trial needs %s for its parameters, %s for its optimizer and %s for gradients, and about %s for logits and activations. "+
				"The device has %s. Use a smaller model, an optimizer with less state, or a larger device.",
				view.Size(m.Parameters), view.Size(m.State), view.Size(m.Gradients), view.Size(m.Logits+m.Activations), view.Size(work.Device)),
		})
	}
	return list
}
