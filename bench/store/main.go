// Command store measures the store: writing and reading a large blob compared with
// the disk and SHA-256, 10,000 small entries, and remotes: a folder, and S3 if
// versitygw is installed.
//
//	go run ./bench/store
//
// Lines on standard output begin with "store".
package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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

// large is the size of the large blob, in bytes.
const large = 1 << 30

// rounds is how often each figure is measured. The median is printed.
const rounds = 5

func measure(ctx context.Context, dir string) error {
	raw := make([]byte, large)
	if _, err := rand.Read(raw); err != nil {
		return err
	}
	store, err := cache.Open(fsys.NewOS(), filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	var write, hash, put, read, get []float64
	plain := filepath.Join(dir, "plain")
	var digest cache.Digest
	for round := range rounds {
		type figure struct {
			to *[]float64
			f  func() error
		}
		figures := []figure{
			{&write, func() error { return writeFile(plain, raw) }},
			{&hash, func() error { sha256.Sum256(raw); return nil }},
			{&put, func() (err error) { digest, err = putBlob(ctx, store, raw); return err }},
			{&read, func() error { return readFile(plain) }},
			{&get, func() error { return getBlob(ctx, store, digest) }},
		}
		if round%2 == 1 { // some disks are faster after a pause
			figures[0], figures[2] = figures[2], figures[0]
		}
		for _, x := range figures {
			started := time.Now()
			if err := x.f(); err != nil {
				return err
			}
			*x.to = append(*x.to, large/time.Since(started).Seconds()/1e6)
		}
		if err := store.Evict(ctx, digest); err != nil {
			return err
		}
		digest = cache.Digest{}
		if err := os.Remove(plain); err != nil {
			return err
		}
	}
	w, h, p, r, g := median(write), median(hash), median(put), median(read), median(get)
	fmt.Printf("store put mb_per_s=%.0f disk=%.0f sha256=%.0f share=%.2f\n", p, w, h, p/min(w, h))
	fmt.Printf("store get mb_per_s=%.0f disk=%.0f sha256=%.0f share=%.2f\n", g, r, h, g/min(r, h))
	return entries(ctx, dir, store)
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

func writeFile(name string, raw []byte) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	return errors.Join(err, f.Sync(), f.Close())
}

func readFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(onlyWriter{io.Discard}, f)
	return errors.Join(err, f.Close())
}

// onlyWriter hides the ReadFrom method of a writer.
type onlyWriter struct{ io.Writer }

func putBlob(ctx context.Context, store cache.Store, raw []byte) (cache.Digest, error) {
	w, err := store.Create(ctx, "application/octet-stream")
	if err != nil {
		return cache.Digest{}, err
	}
	const piece = 1 << 20
	for len(raw) > 0 {
		n := min(piece, len(raw))
		if _, err := w.Write(raw[:n]); err != nil {
			return cache.Digest{}, errors.Join(err, w.Abort())
		}
		raw = raw[n:]
	}
	d, _, err := w.Commit()
	return d, err
}

func getBlob(ctx context.Context, store cache.Store, d cache.Digest) error {
	r, err := store.Open(ctx, d)
	if err != nil {
		return err
	}
	_, err = io.Copy(onlyWriter{io.Discard}, r)
	return errors.Join(err, r.Close())
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
