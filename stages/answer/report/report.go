// Package report appends provenance to a stored report: where, when and by which
// command each result can be computed again. The appendix is no part of the stored
// report, so that equal numbers computed elsewhere make an equal report.
package report

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"
)

// Origin says how one result came about.
type Origin struct {
	Address   string
	Key       string
	Result    string // digest
	Host      string
	Finished  string
	Seconds   float64
	Repeats   string // what repetitions found, if any
	Recompute string // the command
}

// marker is where a stored page leaves room for the appendix.
const marker = `<template id="provenance"></template>`

var appendix = template.Must(template.New("appendix").Parse(`<section id="provenance">
<h2>Provenance</h2>
<p>Every number above is a function of these results. A key is the hash of everything that a result depends on.</p>
<div class="scroll"><table><thead><tr><th>what</th><th>key</th><th>result</th><th>computed</th><th class="number">seconds</th><th>repeats</th><th>recompute</th></tr></thead>
<tbody>{{range .}}<tr><td>{{.Address}}</td><td title="{{.Key}}"><code>{{printf "%.12s" .Key}}</code></td><td title="{{.Result}}"><code>{{printf "%.19s" .Result}}</code></td><td>{{.Finished}} on {{.Host}}</td><td class="number">{{printf "%.1f" .Seconds}}</td><td>{{.Repeats}}</td><td><code>{{.Recompute}}</code></td></tr>
{{end}}</tbody></table></div>
</section>`))

// HTML returns a stored page with its appendix.
func HTML(page []byte, origins []Origin) ([]byte, error) {
	var b bytes.Buffer
	if err := appendix.Execute(&b, origins); err != nil {
		return nil, fmt.Errorf("writing the appendix of a report: %w", err)
	}
	return bytes.Replace(page, []byte(marker), b.Bytes(), 1), nil
}

// Markdown returns a stored text with its appendix.
func Markdown(text []byte, origins []Origin) ([]byte, error) {
	var b strings.Builder
	b.Write(text)
	b.WriteString("\n## Provenance\n\n| what | key | result | computed | seconds | repeats |\n|---|---|---|---|---:|---|\n")
	for _, o := range origins {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s on %s | %.1f | %s |\n", o.Address, o.Key, o.Result, o.Finished, o.Host, o.Seconds, o.Repeats)
	}
	return []byte(b.String()), nil
}
