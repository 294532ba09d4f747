//go:build unix

// Command store measures the store: a large blob next to the disk and SHA-256,
// 10,000 small entries, and remotes: a folder, and S3 if versitygw is installed.
//
//	go run ./bench/store
//
// Results are on standard output, one in a line that begins with "store":
//
//	put, get, read, map   a blob of 1 GiB is written, read as a stream, read into
//	                      memory, and mapped; all of them hash it
//	publish, lookup       small entries are written one by one, and looked up at once
//	push, pull            entries and a blob of 256 MiB go to a remote and come back
//
// Rates are medians of five rounds. disk is a plain file of the same size, written
// with fsync or read from the page cache; sha256 is one core; share is the rate's part
// of the slower of the two. Processor times are the least of the rounds: other work on
// the machine adds to them. TMPDIR sets the disk.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ablate/cache"
	"ablate/cache/fsys"
)

func main() {
	dir, err := os.MkdirTemp("", "ablate-bench-store-")
	if err != nil {
		fail(err)
	}
	defer os.RemoveAll(dir)
	if err := measure(context.Background(), dir); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "store:", err)
	os.Exit(1)
}

func measure(ctx context.Context, dir string) error {
	store, err := cache.Open(fsys.NewOS(), filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	if err := blobs(ctx, dir, store); err != nil {
		return err
	}
	return entries(ctx, dir, store)
}

// small is the number of small entries.
const small = 10000

func entries(ctx context.Context, dir string, store *cache.Local) error {
	keys := make([]cache.Key, small)
	started := time.Now()
	for i := range keys {
		e, err := entry(ctx, store, i)
		if err != nil {
			return err
		}
		keys[i] = e.Key
	}
	fmt.Printf("store publish entries=%d per_s=%.0f\n", small, small/time.Since(started).Seconds())
	started = time.Now()
	if _, err := store.Lookup(ctx, keys...); err != nil {
		return err
	}
	fmt.Printf("store lookup entries=%d seconds=%.3f\n", small, time.Since(started).Seconds())
	shared := filepath.Join(dir, "shared")
	if err := os.Mkdir(shared, 0o755); err != nil {
		return err
	}
	if err := share(ctx, dir, "folder", "file://"+shared, store, keys[:1000]); err != nil {
		return err
	}
	return overS3(ctx, dir, store, keys[:1000])
}

func entry(ctx context.Context, store *cache.Local, i int) (cache.Entry, error) {
	d, err := putBlob(ctx, store, fmt.Appendf(nil, "metrics of trial %d\n", i))
	if err != nil {
		return cache.Entry{}, err
	}
	return store.Publish(ctx, cache.Entry{
		Key: cache.Int(int64(i)).Key("bench"), Block: "train", Type: "lm", Ingredients: d, Provenance: d, Created: time.Now(),
		Artifacts: []cache.Artifact{{Name: "metrics", MediaType: "application/octet-stream", Digest: d, Size: 1}},
	})
}
