package hcl

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	hclv2 "github.com/hashicorp/hcl/v2"

	"ablate/hcl/study"
)

var (
	runtimeSchema = &hclv2.BodySchema{
		Attributes: []hclv2.AttributeSchema{{Name: "timeout"}, {Name: "retries"}, {Name: "executor"}},
		Blocks:     []hclv2.BlockHeaderSchema{{Type: "resources"}},
	}
	resourcesSchema = &hclv2.BodySchema{Attributes: []hclv2.AttributeSchema{{Name: "cpus"}, {Name: "gpus"}, {Name: "memory"}, {Name: "nodes"}, {Name: "tasks_per_node"}}}
)

// meta decodes what a stage declares besides its spec.
func (d *decoder) meta(content *hclv2.BodyContent, inst *study.Instance) {
	d.plain(content.Attributes["label"], &inst.Label)
	if strings.ContainsFunc(inst.Label, unicode.IsControl) {
		d.fail(rangeOf(content.Attributes["label"].Range), "Invalid label", "A label is one line of text, but %q contains a control character. Remove it.", inst.Label)
	}
	d.plain(content.Attributes["description"], &inst.Description)
	for i, b := range content.Blocks.OfType("runtime") {
		if i > 0 {
			d.l.fail(rangeOf(b.DefRange), "Duplicate block", "A stage can have only one runtime block. Merge the two.")
			return
		}
		d.runtime(b, inst.Runtime)
	}
}

func (d *decoder) runtime(b *hclv2.Block, r *study.Runtime) {
	content, diags := b.Body.Content(runtimeSchema)
	d.l.upstream(renameUnknown(diags, runtimeSchema))
	d.plain(content.Attributes["retries"], &r.Retries)
	if r.Retries < 0 {
		d.l.fail(rangeOf(content.Attributes["retries"].Expr.Range()), "Invalid value", "retries must be 0 or more, not %d.", r.Retries)
	}
	if attr := content.Attributes["executor"]; attr != nil {
		d.plain(attr, &r.Executor)
		r.ExecutorAt = *rangeOf(attr.Expr.Range())
	}
	for i, b := range content.Blocks {
		if i > 0 {
			d.l.fail(rangeOf(b.DefRange), "Duplicate block", "A runtime block can have only one resources block. Merge the two.")
			break
		}
		d.resources(b, &r.Resources)
	}
	var timeout string
	d.plain(content.Attributes["timeout"], &timeout)
	if timeout == "" {
		return
	}
	t, err := time.ParseDuration(timeout)
	if err != nil || t <= 0 {
		d.l.fail(rangeOf(content.Attributes["timeout"].Expr.Range()), "Invalid value", `%q is not a duration. Use a form like "90m" or "2h".`, timeout)
		return
	}
	r.Timeout = t
}

func (d *decoder) resources(b *hclv2.Block, r *study.Resources) {
	content, diags := b.Body.Content(resourcesSchema)
	d.l.upstream(renameUnknown(diags, resourcesSchema))
	counts := map[string]*int{"cpus": &r.CPUs, "gpus": &r.GPUs, "nodes": &r.Nodes, "tasks_per_node": &r.TasksPerNode}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		n := counts[name]
		d.plain(content.Attributes[name], n)
		if *n < 0 {
			d.l.fail(rangeOf(content.Attributes[name].Expr.Range()), "Invalid value", "%s must be 0 or more, not %d.", name, *n)
		}
	}
	var memory string
	d.plain(content.Attributes["memory"], &memory)
	if memory == "" {
		return
	}
	var ok bool
	if r.Memory, ok = parseMemory(memory); !ok {
		d.l.fail(rangeOf(content.Attributes["memory"].Expr.Range()), "Invalid value", `%q is not an amount of memory. Use a form like "16G" or "500M".`, memory)
	}
}
