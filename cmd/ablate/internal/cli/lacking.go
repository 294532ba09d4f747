package cli

import (
	"context"
	"fmt"
	"math"

	"ablate/cmd/ablate/internal/view"
	"ablate/hcl/addr"
	"ablate/hcl/diag"
	"ablate/hcl/study"
	"ablate/pipeline"
	"ablate/pipeline/launch"
	"ablate/pipeline/planner"
)

// lacking warns of what this machine lacks for the tasks that it is to compute: a program,
// XLA, nodes, GPUs or memory.
func lacking(ctx context.Context, w *workspace, plan *planner.Plan) diag.List {
	gpus := len(launchers{w}.machine(ctx).GPUs)
	free, err := launch.FreeMemory()
	if err != nil { // this system does not say
		free = math.MaxInt64
	}
	return onePerStage(w, plan, func(t *planner.Task, inst *study.Instance) (list diag.List) {
		for _, why := range lacks(t, inst, gpus, free) {
			list = append(list, diag.Warningf(nil, "Cannot run on this machine",
				"%s cannot be computed here: %s. Provide it before the run, or choose an executor that has it in runtime.", t.Address, why)...)
		}
		return list
	})
}

// tooLarge refuses trials whose parameters, optimizer state and gradients alone exceed the memory
// of this machine's device.
func tooLarge(w *workspace, plan *planner.Plan) diag.List {
	return onePerStage(w, plan, func(t *planner.Task, _ *study.Instance) diag.List {
		work, ok := t.Work()
		if t.Status == planner.Pending || t.Status == planner.Same || !ok || work.Fits() {
			return nil
		}
		m := work.Memory
		return diag.Errorf(nil, "Does not fit the device", "The trial needs %s for its parameters, %s for its optimizer and %s for gradients, and about %s for logits and activations. "+
			"The device has %s. Use a smaller model, an optimizer with less state, or a larger device.",
			view.Size(m.Parameters), view.Size(m.State), view.Size(m.Gradients), view.Size(m.Logits+m.Activations), view.Size(work.Device))
	})
}

// onePerStage says what is wrong with the tasks that this machine is to compute, for one task of
// each stage. Other executors are not known here.
func onePerStage(w *workspace, plan *planner.Plan, wrong func(*planner.Task, *study.Instance) diag.List) (list diag.List) {
	reported := make(map[addr.Stage]bool)
	for _, t := range plan.Tasks {
		if t.Status == planner.Hit || t.Status == planner.Pull || t.Executor() != "" || reported[t.Address.Stage] {
			continue
		}
		inst := w.graph.Instance(t.Address)
		for _, d := range wrong(t, inst) {
			d.Range, d.Address = &inst.Range, t.Address.String()
			list = append(list, d)
			reported[t.Address.Stage] = true
		}
	}
	return list
}

func lacks(t *planner.Task, inst *study.Instance, gpus int, free int64) (out []string) {
	if r, ok := inst.Spec.(pipeline.Requirer); ok {
		if why := r.Lacks(); why != "" {
			out = append(out, why)
		}
	}
	asks := inst.Runtime.Resources
	if asks.Nodes > 1 {
		out = append(out, fmt.Sprintf("it asks for %d nodes, and this machine is one", asks.Nodes))
	}
	if asks.GPUs > gpus {
		out = append(out, fmt.Sprintf("it asks for %s, and this machine has %s", launch.GPUCount(asks.GPUs), launch.GPUCount(gpus)))
	}
	if asks.Memory > free {
		out = append(out, fmt.Sprintf("it asks for %s of memory, and %s are free", view.Size(asks.Memory), view.Size(free)))
	}
	if work, ok := t.Work(); ok && work.Device == 0 {
		if least := work.Memory.Minimum(); least > free {
			out = append(out, fmt.Sprintf("it needs at least %s of memory for parameters, optimizer and gradients, and %s are free", view.Size(least), view.Size(free)))
		}
	}
	return out
}
