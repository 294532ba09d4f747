package answer

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"ablate/cache"
)

// fewestDecimals is the number of decimals of a number that needs no more.
const fewestDecimals = 4

// decimals is how many decimals a number is written with: none for a count, otherwise
// enough for two digits of its uncertainty, or for two of its own.
func decimals(field string, v float64, uncertainty *float64) int {
	const most = 15
	switch {
	case field == "n":
		return 0
	case uncertainty != nil && *uncertainty > 0:
		v = *uncertainty
	case v == 0:
		return fewestDecimals
	}
	return min(most, max(fewestDecimals, 1-int(math.Floor(math.Log10(math.Abs(v))))))
}

// LaTeX is a file of macros, one for each number.
func LaTeX(list []Number) string {
	var b strings.Builder
	b.WriteString("% Written by ablate export numbers; ablate report --check compares it with the study.\n" +
		"% \\ablate{NAME} and \\ablate[DECIMALS]{NAME} print a number, \\ablatenum{NAME}{TEXT} prints a text that is checked.\n" +
		"\\newcommand{\\ablatenum}[2]{#2}\n" +
		"\\newcommand{\\ablate}[2][]{\\ifcsname ablate@#1@#2\\endcsname\\csname ablate@#1@#2\\endcsname\\else\\errmessage{No number #2 with #1 decimals in numbers.tex}\\fi}\n" +
		"\\makeatletter\n\\newcommand{\\ablate@def}[3]{\\expandafter\\def\\csname ablate@#1@#2\\endcsname{\\ensuremath{#3}}}\n")
	const most = 6
	at := cache.Digest{}
	for _, n := range list {
		if n.Result != at {
			at = n.Result
			fmt.Fprintf(&b, "\n%% %s, %s\n", n.Address, n.Result)
		}
		fmt.Fprintf(&b, "\\ablate@def{}{%s}{%s}\n", n.Name, fixed(n.Value, n.decimals))
		for d := range max(most, n.decimals) + 1 {
			fmt.Fprintf(&b, "\\ablate@def{%d}{%s}{%s}\n", d, n.Name, fixed(n.Value, d))
		}
	}
	b.WriteString("\\makeatother\n")
	return b.String()
}

// Markdown is a table of the numbers.
func Markdown(list []Number) string {
	var b strings.Builder
	b.WriteString("| name | number | what | result |\n|---|---:|---|---|\n")
	for _, n := range list {
		fmt.Fprintf(&b, "| `%s` | [%s](#ablate:%s) | %s | %s |\n", n.Name, fixed(n.Value, n.decimals), n.Name, MarkdownCell(n.What), n.Result)
	}
	return b.String()
}

// fixed rounds to decimals; what rounds to zero has no sign.
func fixed(v float64, decimals int) string {
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	return s
}
