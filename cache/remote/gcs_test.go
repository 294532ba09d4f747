//go:build gcs

package remote

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"ablate/cache/cachetest"
)

// gsServer starts an emulator of Google Cloud Storage if one is installed.
func gsServer(t *testing.T) *url.URL {
	t.Helper()
	address := listening(t, "fake-gcs-server", func(address string) []string {
		_, port, _ := strings.Cut(address, ":")
		return []string{"-scheme", "http", "-host", "127.0.0.1", "-port", port, "-public-host", address, "-backend", "memory", "-log-level", "error"}
	})
	resp, err := http.Post("http://"+address+"/storage/v1/b?project=p", "application/json", strings.NewReader(`{"name": "bucket"}`))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("making a bucket: %v, %v", resp, err)
	}
	resp.Body.Close()
	return &url.URL{Scheme: "http", Host: address}
}

func TestGS(t *testing.T) {
	start := func(t *testing.T) cachetest.Peer {
		return wired(t, forward(gsServer(t), false), func(url string) string {
			t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(url, "http://"))
			return "gs://bucket/team"
		})
	}
	cachetest.TestRemote(t, start)
	cachetest.TestFaults(t, start)
	t.Run("large blobs", func(t *testing.T) {
		t.Setenv("STORAGE_EMULATOR_HOST", gsServer(t).Host)
		testLargeBlobs(t, "gs://bucket/team")
	})
}

func TestGSMistakes(t *testing.T) {
	for name, c := range map[string]struct{ url, want string }{
		"no bucket": {"gs://nothing", "no such bucket"}, "no name": {"gs:///prefix", "does not name a bucket"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("STORAGE_EMULATOR_HOST", gsServer(t).Host)
			if _, err := Open(context.Background(), Options{URL: c.url}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", os.DevNull)
	if _, err := Open(context.Background(), Options{URL: "gs://bucket"}); err == nil || !strings.Contains(err.Error(), "no credentials found") {
		t.Errorf("without credentials: %v", err)
	}
}
