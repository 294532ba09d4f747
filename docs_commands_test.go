package ablate_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// command matches a line of a code block that runs the program, also with variables of the
// environment before it, up to a comment, a pipe or a redirection.
var command = regexp.MustCompile(`(?m)^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:bin/|\./)?(ablate [^#|>\n]*)`)

// Every command of the docs exists and has the flags that it is given, and every block of
// shell is correct shell.
func TestShellInTheDocs(t *testing.T) {
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "ablate"), "./cmd/ablate").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	checked := make(map[string]bool)
	for _, page := range pagesOfTheDocs(t) {
		for _, block := range codeBlocks(t, page) {
			if block.language == "sh" {
				checkShell(t, page, "-n", block.text)
			}
			for _, m := range command.FindAllStringSubmatch(block.text, -1) {
				line := strings.NewReplacer("[", "", "]", "").Replace(m[1]) // brackets mark what is optional
				if !checked[line] {
					checked[line] = true
					help := checkShell(t, page, "-e", line+" --help")
					// A command that has commands prints its own help for one that does not exist.
					if _, group, _ := strings.Cut(help, "\nUsage:\n  "); strings.Contains(help, "\nAvailable Commands:\n") && !strings.HasPrefix(group, line) {
						t.Errorf("%s: there is no command %s", page, line)
					}
				}
			}
		}
	}
	if len(checked) < 60 {
		t.Errorf("only %d commands found", len(checked))
	}
}

// checkShell runs a script and returns what it prints.
func checkShell(t *testing.T, page, flag, script string) string {
	t.Helper()
	out, err := exec.Command("sh", flag, "-c", script).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %s: %v\n%s", page, script, err, out)
	}
	return string(out)
}

// pagesOfTheDocs lists the Markdown that users read.
func pagesOfTheDocs(t *testing.T) []string {
	t.Helper()
	pages := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md"}
	for _, pattern := range []string{"docs/*.md", "examples/*/README.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	return pages
}

type codeBlock struct{ language, text string }

// codeBlocks are the fenced and the indented blocks of code of a page, and code in its sentences.
func codeBlocks(t *testing.T, page string) []codeBlock {
	t.Helper()
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var out []codeBlock
	err = ast.Walk(goldmark.DefaultParser().Parse(text.NewReader(raw)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.FencedCodeBlock:
			out = append(out, codeBlock{string(n.Language(raw)), string(n.Lines().Value(raw))})
		case *ast.CodeBlock:
			out = append(out, codeBlock{"", string(n.Lines().Value(raw))})
		case *ast.CodeSpan:
			var words []string
			for t := n.FirstChild(); t != nil; t = t.NextSibling() {
				words = append(words, strings.Fields(string(t.(*ast.Text).Value(raw)))...)
			}
			out = append(out, codeBlock{"", strings.Join(words, " ")})
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
