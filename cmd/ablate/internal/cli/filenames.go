package cli

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
)

// fileNames makes names of files: letters, digits and a few signs that need no quotes in a
// shell. No two are equal where case does not count, and none leaves its folder.
func fileNames(names []string) []string {
	const longest = 120 // in bytes; file systems allow 255, and an ending follows
	out := make([]string, len(names))
	taken := make(map[string]bool)
	for i, name := range names {
		parts := strings.FieldsFunc(name, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune("._-=+", r)
		})
		end := filepath.Ext(name)
		safe := strings.TrimLeft(strings.Join(parts, "-"), ".-")
		safe = strings.ReplaceAll(safe, "--", "-")
		if safe == "" {
			safe = "file"
		}
		if !strings.HasSuffix(safe, end) || len(end) > 5 {
			end = ""
		}
		body := strings.TrimSuffix(safe, end)
		if len(body) > longest {
			body = strings.ToValidUTF8(body[:longest], "")
		}
		out[i] = body + end
		for n := 2; taken[strings.ToLower(out[i])]; n++ {
			out[i] = fmt.Sprintf("%s-%d%s", body, n, end)
		}
		taken[strings.ToLower(out[i])] = true
	}
	return out
}
