package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The site works from a disk, on a phone and on a desk: no page is wider than the window,
// and the search finds a section.
func TestInBrowser(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	out := t.TempDir()
	if err := build(filepath.Join("..", ".."), out); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	ctx, end := chromedp.NewExecAllocator(ctx,
		append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.ExecPath(browser), chromedp.UserDataDir(t.TempDir()))...)
	t.Cleanup(end)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	js := func(expression string) string {
		t.Helper()
		v, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+expression+")"))
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		return v
	}
	for _, width := range []int64{390, 1280} {
		for _, page := range []string{"index.html", "docs/tutorial.html", "docs/stages.html", "docs/comparison.html"} {
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900),
				chromedp.Navigate("file://"+filepath.ToSlash(filepath.Join(out, page)))); err != nil {
				t.Fatal(err)
			}
			if wide := js("document.documentElement.scrollWidth > innerWidth"); wide != "false" {
				t.Errorf("%s is wider than a window of %d pixels", page, width)
			}
			js(`(box.value = "glossary factor", box.dispatchEvent(new Event("input")), 1)`)
			if first := js(`results.querySelector("a")?.getAttribute("href")`); first == "undefined" {
				t.Errorf("%s: the search finds nothing", page)
			}
		}
	}
}
