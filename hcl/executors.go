package hcl

import (
	"fmt"
	"strings"
	"time"

	hclv2 "github.com/hashicorp/hcl/v2"

	"ablate/hcl/diag"
	"ablate/hcl/study"
)

// executorFields maps the attributes of an executor block to its fields; nil if
// there is no executor of that type.
func executorFields(e *study.Executor, limit, poll *string) map[string]any {
	fields := map[string]any{"jobs": &e.Jobs, "program": &e.Program, "store": &e.Store, "shared": &e.Shared}
	switch e.Type {
	case "slurm":
		fields["partition"], fields["time"], fields["arguments"] = &e.Partition, limit, &e.Arguments
		fields["per_allocation"], fields["on_interrupt"], fields["poll"] = &e.PerAllocation, &e.OnInterrupt, poll
	case "ssh":
		fields["hosts"], fields["gpus"] = &e.Hosts, &e.GPUs
	default:
		return nil
	}
	return fields
}

// readExecutor reads one executor block, which replaces one of the same label in
// an earlier file.
func (c *Config) readExecutor(b *hclv2.Block) hclv2.Diagnostics {
	const defaultJobs, defaultPoll = 100, 5 * time.Second
	e := study.Executor{Type: b.Labels[0], Label: b.Labels[1], Shared: true, PerAllocation: 1, OnInterrupt: "cancel", Poll: defaultPoll}
	if e.Type == "slurm" {
		e.Jobs = defaultJobs
	}
	var limit, poll string
	fields := executorFields(&e, &limit, &poll)
	if fields == nil {
		return problem(b.LabelRanges[0], "Unknown executor type", "%q is not a type of executor.%s", e.Type, suggest(e.Type, []string{"slurm", "ssh"}))
	}
	diags := readFields(b, fields)
	if diags.HasErrors() {
		return diags
	}
	diags = append(diags, readDuration(b, "time", limit, &e.Time)...)
	diags = append(diags, readDuration(b, "poll", poll, &e.Poll)...)
	diags = append(diags, checkExecutor(b, e)...)
	if diags.HasErrors() {
		return diags
	}
	if c.Executors == nil {
		c.Executors = make(map[string]study.Executor)
	}
	c.Executors[e.Label] = e
	return diags
}

// readDuration reads a duration unless the text is empty.
func readDuration(b *hclv2.Block, name, text string, into *time.Duration) hclv2.Diagnostics {
	if text == "" {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return problem(placeOf(b, name), "Invalid value", `%q is not a duration. Use a form like "5s", "90m" or "12h".`, text)
	}
	*into = d
	return nil
}

// placeOf is where a block sets an attribute, or where it begins if it does not.
func placeOf(b *hclv2.Block, name string) hclv2.Range {
	attrs, _ := b.Body.JustAttributes() // errors have been reported
	if attr := attrs[name]; attr != nil {
		return attr.Range
	}
	return b.DefRange
}

func checkExecutor(b *hclv2.Block, e study.Executor) hclv2.Diagnostics {
	switch {
	case e.Time > 0 && e.Time < time.Minute:
		return problem(placeOf(b, "time"), "Invalid value", "time must be at least 1m, since Slurm counts in minutes.")
	case e.Label == study.LocalExecutor:
		return problem(b.LabelRanges[1], "Reserved label", "%q is this machine, which needs no configuration. Choose another label.", e.Label)
	case e.Type == "ssh" && len(e.Hosts) == 0:
		return problem(b.DefRange, "Missing hosts", `An executor of type "ssh" requires hosts = [...], a list of names that ssh knows.`)
	case e.Jobs < 0:
		return problem(placeOf(b, "jobs"), "Invalid value", "jobs must be 0 or more, not %d.", e.Jobs)
	case e.GPUs < 0:
		return problem(placeOf(b, "gpus"), "Invalid value", "gpus must be 0 or more, not %d.", e.GPUs)
	case e.PerAllocation < 1:
		return problem(placeOf(b, "per_allocation"), "Invalid value", "per_allocation must be 1 or more, not %d.", e.PerAllocation)
	case e.OnInterrupt != "cancel" && e.OnInterrupt != "leave":
		return problem(placeOf(b, "on_interrupt"), "Invalid value", `on_interrupt must be "cancel" or "leave", not %q.`, e.OnInterrupt)
	}
	return nil
}

// Unknown reports instances that name an executor which is not configured, once
// for each place in the study.
func (c Config) Unknown(s *study.Study) diag.List {
	var list diag.List
	seen := make(map[diag.Range]bool)
	for _, inst := range s.Instances {
		label, at := inst.Runtime.Executor, inst.Runtime.ExecutorAt
		if _, ok := c.Executors[label]; ok || label == "" || label == study.LocalExecutor || seen[at] {
			continue
		}
		seen[at] = true
		list = append(list, diag.Diagnostic{
			Severity: diag.Error, Summary: "Unknown executor", Range: &at,
			Detail: fmt.Sprintf("No configuration file declares an executor %q.%s Executors are declared in ablate/config.hcl of the user's configuration folder, or in the study's .ablate/config.hcl.",
				label, suggest(label, append(sortedKeys(c.Executors), study.LocalExecutor))),
		})
	}
	return list
}

// parseMemory reads an amount such as 500M, 16G or 1T. Like the schedulers, it
// counts in powers of 1024.
func parseMemory(s string) (int64, bool) {
	var n int64
	var unit string
	s = strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(strings.TrimSpace(s)), "B"), "I")
	if _, err := fmt.Sscanf(s, "%d%s", &n, &unit); err != nil || n <= 0 {
		return 0, false
	}
	shift, ok := map[string]int{"M": 20, "G": 30, "T": 40}[unit]
	if !ok || n > 1<<(62-shift) {
		return 0, false
	}
	return n << shift, true
}
