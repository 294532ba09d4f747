//go:build azure

package remote

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"gocloud.dev/blob/azureblob"

	"ablate/cache/cachetest"
)

// azureServer starts Azure's emulator if it is installed, with the account and key
// from its documentation.
func azureServer(t *testing.T) *url.URL {
	t.Helper()
	address := listening(t, "azurite-blob", func(address string) []string {
		_, port, _ := strings.Cut(address, ":")
		return []string{"--blobHost", "127.0.0.1", "--blobPort", port, "--inMemoryPersistence", "--skipApiVersionCheck", "--silent", "--disableTelemetry"}
	})
	for name, value := range map[string]string{
		"AZURE_STORAGE_ACCOUNT": "devstoreaccount1", "AZURE_STORAGE_PROTOCOL": "http", "AZURE_STORAGE_DOMAIN": address,
		"AZURE_STORAGE_KEY": "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
	} {
		t.Setenv(name, value)
	}
	service, err := azureblob.NewServiceURL(azureblob.NewDefaultServiceURLOptions())
	if err != nil {
		t.Fatal(err)
	}
	c, err := azureblob.NewDefaultClient(service, "bucket")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	return &url.URL{Scheme: "http", Host: address}
}

func TestAzure(t *testing.T) {
	start := func(t *testing.T) cachetest.Peer {
		return wired(t, forward(azureServer(t), false), func(url string) string {
			_, host, _ := strings.Cut(url, "://")
			t.Setenv("AZURE_STORAGE_DOMAIN", host)
			return "azblob://bucket/team"
		})
	}
	cachetest.TestRemote(t, start)
	cachetest.TestFaults(t, start)
	t.Run("large blobs", func(t *testing.T) {
		azureServer(t)
		testLargeBlobs(t, "azblob://bucket/team")
	})
}

func TestAzureMistakes(t *testing.T) {
	azureServer(t)
	for _, c := range []struct{ url, account, key, want string }{
		{"azblob://nothing", "devstoreaccount1", "", "no such bucket"},
		{"azblob:///prefix", "devstoreaccount1", "", "does not name a container"},
		{"azblob://bucket", "devstoreaccount1", "d3Jvbmc=", "the credentials are wrong"},
		{"azblob://bucket", "", "d3Jvbmc=", "no storage account configured"},
	} {
		t.Setenv("AZURE_STORAGE_ACCOUNT", c.account)
		if c.key != "" {
			t.Setenv("AZURE_STORAGE_KEY", c.key)
		}
		if _, err := Open(context.Background(), Options{URL: c.url}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s as %q: %v, want %q", c.url, c.account, err, c.want)
		}
	}
}
