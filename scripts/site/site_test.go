package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// The site of the project builds: every link of the docs leads to a file, and to a heading
// that exists; every page of the docs can be reached.
func TestProject(t *testing.T) {
	root := filepath.Join("..", "..")
	s, err := crawl(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.check(); err != nil {
		t.Error(err)
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if s.pages["docs/"+filepath.Base(page)] == nil {
			t.Errorf("no link leads to docs/%s", filepath.Base(page))
		}
	}
}

func TestArguments(t *testing.T) {
	for _, args := range [][]string{nil, {"--help"}, {"-h"}, {"a", "b"}} {
		if out, ok := folder(args); ok {
			t.Errorf("%q writes to %q", args, out)
		}
	}
	if out, ok := folder([]string{"dist/site"}); !ok || out != "dist/site" {
		t.Errorf("the folder is %q, %t", out, ok)
	}
}

func TestWrongLinks(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"file":    {"[a](docs/none.md)", "README.md links to docs/none.md"},
		"heading": {"[a](docs/README.md#none)", "README.md links to docs/README.md#none"},
		"folder":  {"[a](docs/pictures)", "README.md links to docs/pictures/README.md"},
		"picture": {"![a](none.png)", "README.md links to none.png"},
	} {
		t.Run(name, func(t *testing.T) {
			root := fstest.MapFS{
				"README.md":         {Data: []byte("# Start\n\n" + test.text)},
				"docs/README.md":    {Data: []byte("# Documentation\n")},
				"docs/pictures/a.c": {},
			}
			s, err := crawl(root)
			if err == nil {
				err = s.check()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestPages(t *testing.T) {
	root := fstest.MapFS{
		"README.md":      {Data: []byte("# Start\n\n[docs](docs), [more](docs/a.md#two-words), <b>raw</b>")},
		"docs/README.md": {Data: []byte("# Documentation\n\n## Guides\n\n- [A](a.md)\n- [B](b.md)\n")},
		"docs/a.md":      {Data: []byte("# A\n\n## Two words\n\nSome `text`.\n\n[up](../README.md)")},
		"docs/b.md":      {Data: []byte("# B\n\n## One\n\n| field | meaning |\n|---|---|\n| `a` | b |\n\n## Two\n\n### Three\n\n## Four\n")},
	}
	s, err := crawl(root)
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if err := s.write(out); err != nil {
		t.Fatal(err)
	}
	for name, wants := range map[string][]string{
		"index.html":  {`href="docs/a.html#two-words"`, `href="docs/README.html"`, "<title>Start · ablate</title>", "<h2>Guides</h2>"},
		"docs/a.html": {`href="../index.html"`, `<h2 id="two-words">`, `aria-current="page">A</a>`, `src="../search.js"`},
		"docs/b.html": {`<table class="fields">`, `<a class="h3" href="#three">Three</a>`},
		"index.js":    {`{"page":"A","heading":"Two words","address":"docs/a.html#two-words","text":"Some text. up"}`},
	} {
		raw, err := os.ReadFile(filepath.Join(out, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(raw), want) {
				t.Errorf("%s lacks %s:\n%s", name, want, raw)
			}
		}
		if strings.Contains(string(raw), "<b>raw") {
			t.Errorf("%s has HTML of its source", name)
		}
	}
}
