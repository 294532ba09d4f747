//go:build unix

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
	"syscall"
	"time"

	"ablate/cache"
	"ablate/cache/fsys"
)

// large is the size of the large blob, in bytes.
const large = 1 << 30

// rounds is how often each figure is measured.
const rounds = 5

// figure is an operation on the large blob, or on as many bytes.
type figure struct {
	name string
	do   func() error

	rates, processor []float64 // MB/s and processor seconds, of each round
}

// measure times the operation once.
func (f *figure) measure() error {
	started, used := time.Now(), processorTime()
	if err := f.do(); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	f.rates = append(f.rates, large/time.Since(started).Seconds()/1e6)
	f.processor = append(f.processor, (processorTime() - used).Seconds())
	return nil
}

// print compares the rate with the slower of the disk and SHA-256.
func (f *figure) print(disk, hash *figure) {
	rate, d, h := median(f.rates), median(disk.rates), median(hash.rates)
	fmt.Printf("store %s mb_per_s=%.0f disk=%.0f sha256=%.0f share=%.2f cpu_seconds=%.2f sha256_cpu_seconds=%.2f\n",
		f.name, rate, d, h, rate/min(d, h), slices.Min(f.processor), slices.Min(hash.processor))
}

// blobs measures a large blob.
func blobs(ctx context.Context, dir string, store *cache.Local) error {
	raw := make([]byte, large)
	if _, err := rand.Read(raw); err != nil {
		return err
	}
	plain := filepath.Join(dir, "plain")
	var digest cache.Digest
	write := &figure{name: "disk write", do: func() error { return writeFile(plain, raw) }}
	read := &figure{name: "disk read", do: func() error { return readFile(plain) }}
	hash := &figure{name: "sha256", do: func() error { sha256.Sum256(raw); return nil }}
	put := &figure{name: "put", do: func() (err error) { digest, err = putBlob(ctx, store, raw); return err }}
	reads := []*figure{
		{name: "get", do: func() error { return getBlob(ctx, store, digest) }},
		{name: "read", do: func() error { _, err := cache.ReadAll(ctx, store, digest); return err }},
		{name: "map", do: func() error { return mapBlob(ctx, store, digest) }},
	}
	for round := range rounds {
		order := append([]*figure{write, hash, put, read}, reads...)
		if round%2 == 1 { // some disks are faster after a pause
			order[0], order[2] = put, write
		}
		for _, f := range order {
			if err := f.measure(); err != nil {
				return err
			}
		}
		if err := errors.Join(store.Evict(ctx, digest), os.Remove(plain), fsys.NewOS().SyncDir(dir)); err != nil {
			return err
		}
	}
	put.print(write, hash)
	for _, f := range reads {
		f.print(read, hash)
	}
	return nil
}

// processorTime is what this process has used, by itself and in the kernel.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

// piece is how much is written at a time, as checkpoints are.
const piece = 1 << 20

func writeFile(name string, raw []byte) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	for p := range slices.Chunk(raw, piece) {
		if _, err := f.Write(p); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(f.Sync(), f.Close())
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
	for p := range slices.Chunk(raw, piece) {
		if _, err := w.Write(p); err != nil {
			return cache.Digest{}, errors.Join(err, w.Abort())
		}
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

func mapBlob(ctx context.Context, store cache.Store, d cache.Digest) error {
	m, err := store.Map(ctx, d)
	if err != nil {
		return err
	}
	return m.Close()
}
