package hcl

import (
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"

	"ablate/hcl/diag"
)

// Format returns the canonical layout of a file. A file that does not parse is
// returned as it is, with what is wrong; JSON is left alone.
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
