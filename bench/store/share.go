//go:build unix

package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/cache/remote"
)

// share pushes small entries and a large one to a remote, one after the other, and
// pulls them into another store.
func share(ctx context.Context, dir, kind, url string, store *cache.Local, keys []cache.Key) error {
	r, err := remote.Open(ctx, remote.Options{URL: url})
	if err != nil {
		return err
	}
	other, err := cache.Open(fsys.NewOS(), filepath.Join(dir, "from-"+kind))
	if err != nil {
		return err
	}
	big, err := bigEntry(ctx, store, kind)
	if err != nil {
		return err
	}
	for _, x := range []struct {
		verb string
		move func(keys ...cache.Key) error
	}{
		{"push", func(keys ...cache.Key) error { return push(ctx, store, r, keys) }},
		{"pull", func(keys ...cache.Key) error { return pull(ctx, other, r, keys) }},
	} {
		started := time.Now()
		if err := x.move(keys...); err != nil {
			return err
		}
		fmt.Printf("store %s remote=%s entries=%d per_s=%.0f\n", x.verb, kind, len(keys), float64(len(keys))/time.Since(started).Seconds())
		started = time.Now()
		if err := x.move(big); err != nil {
			return err
		}
		fmt.Printf("store %s remote=%s mb_per_s=%.0f\n", x.verb, kind, shared/time.Since(started).Seconds()/1e6)
	}
	return nil
}

// shared is the size of the large blob that is shared, in bytes.
const shared = 256 << 20

func bigEntry(ctx context.Context, store *cache.Local, kind string) (cache.Key, error) {
	raw := make([]byte, shared)
	if _, err := rand.Read(raw); err != nil {
		return cache.Key{}, err
	}
	d, err := putBlob(ctx, store, raw)
	if err != nil {
		return cache.Key{}, err
	}
	doc, err := putBlob(ctx, store, []byte("{}"))
	if err != nil {
		return cache.Key{}, err
	}
	e, err := store.Publish(ctx, cache.Entry{
		Key: cache.String(kind).Key("bench"), Block: "train", Type: "lm", Ingredients: doc, Provenance: doc, Created: time.Now(),
		Artifacts: []cache.Artifact{{Name: "checkpoint", MediaType: "application/octet-stream", Digest: d, Size: shared}},
	})
	return e.Key, err
}

func push(ctx context.Context, store *cache.Local, r *remote.Remote, keys []cache.Key) error {
	found, err := store.Lookup(ctx, keys...)
	if err != nil {
		return err
	}
	for _, f := range found {
		if _, err := r.Push(ctx, store, *f.Entry, nil); err != nil {
			return err
		}
	}
	return nil
}

func pull(ctx context.Context, to *cache.Local, r *remote.Remote, keys []cache.Key) error {
	there, err := r.Find(ctx, keys...)
	if err != nil {
		return err
	}
	for i, e := range there {
		if e == nil {
			return fmt.Errorf("the remote does not have %s", keys[i])
		}
		if _, err := r.Pull(ctx, to, *e, nil); err != nil {
			return err
		}
	}
	return nil
}

// overS3 shares through an S3 server on this machine.
func overS3(ctx context.Context, dir string, store *cache.Local, keys []cache.Key) error {
	program, err := exec.LookPath("versitygw")
	if err != nil {
		fmt.Println("store remote=s3 skipped: versitygw is not installed")
		return nil
	}
	for _, sub := range []string{"s3/data/bucket", "s3/meta"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := free.Addr().String()
	free.Close()
	server := exec.CommandContext(ctx, program, "--access", "bench", "--secret", "benchbench", "--keep-alive", "--port", address,
		"posix", "--sidecar", filepath.Join(dir, "s3/meta"), filepath.Join(dir, "s3/data"))
	if err := server.Start(); err != nil {
		return err
	}
	defer func() {
		server.Process.Kill()
		server.Wait()
	}()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": "http://" + address, "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "benchbench",
		"AWS_REGION": "us-east-1", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	for range 200 { // ten seconds
		if resp, err := http.Get("http://" + address); err == nil {
			resp.Body.Close()
			return share(ctx, dir, "s3", "s3://bucket/team", store, keys)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("versitygw does not answer at %s", address)
}
