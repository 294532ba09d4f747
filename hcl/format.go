package hcl

import (
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"

	"ablate/hcl/diag"
)

// Format returns a file in canonical layout. A file with errors is returned
// unchanged with its diagnostics, and so is JSON.
func Format(filename string, src []byte) ([]byte, diag.List) {
	file, diags := parseFile(filename, src)
	if file == nil || diags.HasErrors() {
		return src, translate(diags)
	}
	if strings.HasSuffix(filename, ".json") {
		return src, nil
	}
	return hclwrite.Format(src), nil
}
