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
	"github.com/chromedp/cdproto/input"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: screenshots REPORT.html URL-OF-ABLATE-UI URL-DURING-A-RUN FOLDER")
		os.Exit(1)
	}
	if err := take(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
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
	ready         string // an expression that is true once the page is as it should be; "" for no wait
	hover         bool   // the pointer rests on the chart
}

func take(report, url, live, folder string) error {
	report, err := filepath.Abs(report)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	allocated, end := chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.ExecPath("chromium"), chromedp.Flag("hide-scrollbars", true))...)
	defer end()
	tab, closeTab := chromedp.NewContext(allocated)
	defer closeTab()
	page := "file://" + report
	for _, s := range []shot{
		{name: "ui-live", url: live + "#metric=train_loss", width: 1280, height: 1060, scheme: "light", ready: severalDone, hover: true},
		{name: "report", url: page, width: 1280, height: 1180, scheme: "light"},
		{name: "report-effects", url: page, scroll: "#chapter-1", width: 1280, height: 1180, scheme: "light"},
		{name: "report-curves", url: page, scroll: "#curves", width: 1280, height: 620, scheme: "dark"},
		{name: "report-phone", url: page, scroll: "#chapter-1", width: 390, height: 844, scheme: "dark"},
		{name: "ui", url: url, width: 1280, height: 1180, scheme: "light", ready: allRead},
		{name: "ui-phone", url: url, width: 390, height: 844, scheme: "dark", ready: allRead},
	} {
		if err := s.take(tab, folder); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// severalDone is true in the middle of a run.
const severalDone = `document.querySelectorAll(".tile.cached").length >= 7 && document.querySelector(".tile.running small").textContent.includes("left")`

// allRead is true once the curves of all trials are read: each cell has a mean.
const allRead = `document.querySelectorAll(".mean").length === 6 && document.querySelector(".u-over") !== null`

// wait waits until the page is ready.
func (s shot) wait(ctx context.Context) error {
	for s.ready != "" {
		if v, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+s.ready+")")); err == nil && v == "true" {
			break
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(settle):
		}
	}
	return nil
}

// point moves the pointer to the chart.
func (s shot) point(ctx context.Context) error {
	if !s.hover {
		return nil
	}
	place, err := chromedp.Run(ctx, chromedp.Evaluate[string](`(r => (r.left + r.width * 0.55) + " " + (r.top + r.height * 0.3))(document.querySelector(".u-over").getBoundingClientRect())`))
	if err != nil {
		return err
	}
	var x, y float64
	if _, err := fmt.Sscan(place, &x, &y); err != nil {
		return err
	}
	return chromedp.Do(ctx, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y))
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
	if err := s.wait(ctx); err != nil {
		return err
	}
	if err := s.point(ctx); err != nil {
		return err
	}
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
