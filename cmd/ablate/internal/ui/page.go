package ui

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"
)

//go:embed page/page.html
var pageHTML string

//go:embed page/page.css
var pageCSS string

//go:embed page/page.js
var pageJS string

//go:embed page/chart.js
var chartJS string

//go:embed page/grid.js
var gridJS string

//go:embed page/detail.js
var detailJS string

//go:embed page/uPlot.min.css
var plotCSS string

//go:embed page/uPlot.iife.min.js
var plotJS string

// page is the page as one document, and the policy that allows its parts alone.
type page struct {
	html, policy string
}

// assemble puts styles and scripts into the page. The policy names them by hash, so
// that a browser runs nothing that a name or a log smuggles in.
func assemble() page {
	styles, scripts := []string{plotCSS, pageCSS}, []string{plotJS, gridJS, chartJS, detailJS, pageJS}
	return page{
		html: strings.NewReplacer("<!-- styles -->", elements("style", styles), "<!-- scripts -->", elements("script", scripts)).Replace(pageHTML),
		policy: "default-src 'none'; script-src " + hashOf(scripts...) + "; style-src " + hashOf(styles...) +
			"; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
}

func elements(name string, texts []string) string {
	var b strings.Builder
	for _, t := range texts {
		b.WriteString("<" + name + ">" + t + "</" + name + ">\n")
	}
	return b.String()
}

// hashOf lists sources for a content security policy.
func hashOf(texts ...string) string {
	var out []string
	for _, t := range texts {
		sum := sha256.Sum256([]byte(t))
		out = append(out, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	return strings.Join(out, " ")
}

// ServeHTTP implements http.Handler.
func (p page) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Security-Policy", p.policy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write([]byte(p.html))
}
