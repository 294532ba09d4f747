package cli

import (
	"fmt"

	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/pipeline/planner"
)

// fits refuses trials whose parameters, optimizer and gradients alone are more
// than this machine's device holds, one for each stage. Of other executors'
// devices nothing is known here.
func (w *workspace) fits(plan *planner.Plan) diag.List {
	var list diag.List
	said := make(map[addr.Stage]bool)
	for _, s := range plan.Tasks {
		todo := s.Status == planner.Run || s.Status == planner.Resume
		if !todo || s.Executor() != "" || said[s.Address.Stage] {
			continue
		}
		work, ok := s.Work()
		if !ok || work.Fits() {
			continue
		}
		said[s.Address.Stage] = true
		at, m := w.graph.Instance(s.Address).Range, work.Memory
		size := func(bytes int64) string { return view.Quantity(float64(bytes)) + "B" }
		list = append(list, diag.Diagnostic{
			Severity: diag.Error, Range: &at, Address: s.Address.String(), Summary: "Does not fit the device",
			Detail: fmt.Sprintf("The trial needs %s for its parameters, %s for its optimizer and %s for gradients, beside about %s for logits and activations. "+
				"The device has %s. Take a smaller model, an optimizer with less state, or a larger device.",
				size(m.Parameters), size(m.State), size(m.Gradients), size(m.Logits+m.Activations), size(work.Device)),
		})
	}
	return list
}
