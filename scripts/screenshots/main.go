// Command screenshots takes the pictures of docs/images: of a report and of the page of
// ablate ui, with Debian's Chromium.
//
//	make screenshots
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: screenshots REPORT.html URL-OF-ABLATE-UI FOLDER")
		os.Exit(1)
	}
	if err := take(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

// shot is one picture.
type shot struct {
	name          string
	url           string
	scroll        string // selector of what is at the top; "" for the page
	width, height int64
	scheme        string
}

func take(report, url, folder string) error {
	report, err := filepath.Abs(report)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	allocated, end := chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.ExecPath("chromium"), chromedp.Flag("hide-scrollbars", true))...)
	defer end()
	tab, closeTab := chromedp.NewContext(allocated)
	defer closeTab()
	page := "file://" + report
	for _, s := range []shot{
		{"report", page, "", 1280, 1180, "light"},
		{"report-effects", page, "#chapter-1", 1280, 1180, "light"},
		{"report-curves", page, "#curves", 1280, 620, "dark"},
		{"report-phone", page, "#chapter-1", 390, 844, "dark"},
		{"ui", url, "", 1280, 1180, "light"},
		{"ui-phone", url, "", 390, 844, "dark"},
	} {
		if err := s.take(tab, folder); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// settle is how long a page draws after it was loaded.
const settle = 1500 * time.Millisecond

func (s shot) take(ctx context.Context, folder string) error {
	err := chromedp.Do(ctx, chromedp.EmulateViewport(s.width, s.height), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.scheme}},
		})
		return err
	}), chromedp.Navigate(s.url))
	if err != nil {
		return err
	}
	time.Sleep(settle)
	if s.scroll != "" {
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf(`String(document.querySelector(%q).scrollIntoView())`, s.scroll))); err != nil {
			return err
		}
	}
	return chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		r, err := cdp.Call(ctx, t, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{})
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(folder, s.name+".png"), r.Data, 0o644) // meant for others to read
	}))
}
