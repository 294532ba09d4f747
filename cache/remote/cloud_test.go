//go:build gcs || azure

package remote

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"ablate/cache/cachetest"
)

// What gs:// and azblob:// share, without a network.
func TestCloudRemotes(t *testing.T) {
	cachetest.TestRemote(t, func(t *testing.T) cachetest.Peer {
		b := memblob.OpenBucket(nil)
		t.Cleanup(func() { b.Close() })
		objects := objectStore{&cloud{bucket: b, name: "mem://", answer: func(error) (int, string) { return 0, "" }, advise: func(error) string { return "" }}, "team/"}
		return cachetest.Peer{
			Connect: func(limit time.Duration) (cachetest.Remote, error) {
				t := watched{objects, cmp.Or(limit, Patience)}
				return suited{&Remote{url: "mem://", t: t, trust: &trust{}, namespaces: []string{""}}}, t.check(context.Background())
			},
			Spoil: func(t testing.TB, change func(string, []byte) []byte) { spoilBucket(t, b, change) },
		}
	})
}

func spoilBucket(t testing.TB, b *blob.Bucket, change func(string, []byte) []byte) {
	ctx := context.Background()
	for list := b.List(nil); ; {
		o, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		raw, err := b.ReadAll(ctx, o.Key)
		if err != nil {
			t.Fatal(err)
		}
		p := strings.Split(o.Key, "/")
		changed := change(p[len(p)-3]+"/"+p[len(p)-1], bytes.Clone(raw))
		if err := b.Delete(ctx, o.Key); err != nil {
			t.Fatal(err)
		}
		if changed == nil {
			continue
		}
		if err := b.WriteAll(ctx, o.Key, changed, nil); err != nil {
			t.Fatal(err)
		}
	}
}
