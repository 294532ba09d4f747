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
// XLA, nodes, GPUs or memory. It names one task of each stage. Other executors are not known here.
func lacking(ctx context.Context, w *workspace, plan *planner.Plan) (list diag.List) {
	gpus := len(launchers{w}.machine(ctx).GPUs)
	free, err := launch.FreeMemory()
	if err != nil { // this system does not say
		free = math.MaxInt64
	}
	reported := make(map[addr.Stage]bool)
	for _, t := range plan.Tasks {
		if t.Status == planner.Hit || t.Status == planner.Pull || t.Executor() != "" || reported[t.Address.Stage] {
			continue
		}
		inst := w.graph.Instance(t.Address)
		for _, why := range lacks(t, inst, gpus, free) {
			reported[t.Address.Stage] = true
			list = append(list, diag.Diagnostic{Severity: diag.Warning, Range: &inst.Range, Address: t.Address.String(), Summary: "Cannot run on this machine",
				Detail: fmt.Sprintf("%s cannot be computed here: %s. Provide it before the run, or choose an executor that has it in runtime.", t.Address, why)})
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
