package hcl

import (
	"fmt"
	"strings"
	"time"

	hclv2 "github.com/hashicorp/hcl/v2"

	"ablate/hcl/diag"
	"ablate/hcl/study"
)

// executorFields lists what a block of this type may say.
func executorFields(e *study.Executor, limit, poll *string) map[string]any {
	common := map[string]any{"jobs": &e.Jobs, "program": &e.Program, "store": &e.Store, "shared": &e.Shared}
	switch e.Type {
	case "slurm":
		common["partition"], common["time"], common["arguments"] = &e.Partition, limit, &e.Arguments
		common["per_allocation"], common["on_interrupt"], common["poll"] = &e.PerAllocation, &e.OnInterrupt, poll
	case "ssh":
		common["hosts"], common["gpus"] = &e.Hosts, &e.GPUs
	default:
		return nil
	}
	return common
}

// readExecutor reads one executor block; a later file's replaces an earlier's.
func (c *Config) readExecutor(b *hclv2.Block) hclv2.Diagnostics {
	const defaultJobs, defaultPoll = 100, 5 * time.Second
	wrong := func(summary, detail string, args ...any) hclv2.Diagnostics {
		return hclv2.Diagnostics{{Severity: hclv2.DiagError, Summary: summary, Detail: fmt.Sprintf(detail, args...), Subject: b.DefRange.Ptr()}}
	}
	e := study.Executor{Type: b.Labels[0], Label: b.Labels[1], Shared: true, PerAllocation: 1, OnInterrupt: "cancel", Poll: defaultPoll}
	if e.Type == "slurm" {
		e.Jobs = defaultJobs
	}
	var limit, poll string
	into := executorFields(&e, &limit, &poll)
	if into == nil {
		return wrong("Unknown executor type", "There is no executor of type %q.%s", e.Type, suggest(e.Type, []string{"slurm", "ssh"}))
	}
	diags := readFields(b, into)
	if diags.HasErrors() {
		return diags
	}
	for _, f := range []struct {
		text string
		into *time.Duration
	}{{limit, &e.Time}, {poll, &e.Poll}} {
		if f.text == "" {
			continue
		}
		d, err := time.ParseDuration(f.text)
		if err != nil || d <= 0 {
			return wrong("Invalid value", "%q is not a duration: write it like \"5s\", \"90m\" or \"12h\".", f.text)
		}
		*f.into = d
	}
	switch {
	case e.Time > 0 && e.Time < time.Minute:
		return wrong("Invalid value", "time is at least a minute: Slurm counts in minutes.")
	case e.Label == study.LocalExecutor:
		return wrong("Label taken", "%q is this machine, which needs no configuration: choose another label.", e.Label)
	case e.Type == "ssh" && len(e.Hosts) == 0:
		return wrong("Missing hosts", "An executor of type \"ssh\" needs hosts = [...], names that ssh knows.")
	case e.Jobs < 0 || e.GPUs < 0 || e.PerAllocation < 1:
		return wrong("Invalid value", "jobs, gpus and per_allocation count, so they cannot be negative, and per_allocation is at least 1.")
	case e.OnInterrupt != "cancel" && e.OnInterrupt != "leave":
		return wrong("Invalid value", "on_interrupt is \"cancel\" or \"leave\", not %q.", e.OnInterrupt)
	}
	if c.Executors == nil {
		c.Executors = make(map[string]study.Executor)
	}
	c.Executors[e.Label] = e
	return diags
}

// Unknown reports instances that ask for an executor which the configuration
// does not have: once for each place in the study.
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
			Detail: fmt.Sprintf("No configuration file has an executor %q.%s Executors are declared in ablate/config.hcl of the user's configuration folder, or in the study's .ablate/config.hcl.",
				label, suggest(label, append(sortedKeys(c.Executors), study.LocalExecutor))),
		})
	}
	return list
}

var resourcesSchema = &hclv2.BodySchema{Attributes: []hclv2.AttributeSchema{{Name: "cpus"}, {Name: "gpus"}, {Name: "memory"}}}

// resources decodes the block of that name inside runtime.
func (d *decoder) resources(blocks hclv2.Blocks, r *study.Runtime) {
	for i, b := range blocks {
		if i > 0 {
			d.l.fail(rangeOf(b.DefRange), "Block given twice", "A runtime block has one resources block.")
			return
		}
		content, diags := b.Body.Content(resourcesSchema)
		d.l.upstream(renameUnknown(diags, nil, []string{"cpus", "gpus", "memory"}))
		var memory string
		d.plain(content.Attributes["cpus"], &r.Resources.CPUs)
		d.plain(content.Attributes["gpus"], &r.Resources.GPUs)
		d.plain(content.Attributes["memory"], &memory)
		for _, name := range []string{"cpus", "gpus"} {
			if n := map[string]int{"cpus": r.Resources.CPUs, "gpus": r.Resources.GPUs}[name]; n < 0 {
				d.l.fail(rangeOf(content.Attributes[name].Expr.Range()), "Invalid value", "%s counts, so it cannot be negative.", name)
			}
		}
		if memory == "" {
			continue
		}
		bytes, ok := parseMemory(memory)
		if !ok {
			d.l.fail(rangeOf(content.Attributes["memory"].Expr.Range()), "Invalid value", "%q is not an amount of memory: write it like \"16G\" or \"500M\".", memory)
		}
		r.Resources.Memory = bytes
	}
}

// parseMemory reads 500M, 16G or 1T, in powers of 1024 as schedulers count.
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
