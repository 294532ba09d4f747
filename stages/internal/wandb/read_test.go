package wandb_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"ablate/stages/internal/wandb"
)

const sample = "../../data/testdata/runs/wandb/offline-run-2026-0/run-run0.wandb"

// Every beginning of a log is read as far as it goes, and no changed byte goes
// unnoticed.
func TestDamagedLogs(t *testing.T) {
	whole, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	rows := func(content []byte) (n int, truncated bool, err error) {
		truncated, err = wandb.Read(bytes.NewReader(content), wandb.Log{History: func(int64, []wandb.Item) error { n++; return nil }})
		return n, truncated, err
	}
	all, truncated, err := rows(whole)
	if all != 3 || truncated || err != nil {
		t.Fatalf("%d rows, truncated %t, %v", all, truncated, err)
	}
	for n := 0; n < len(whole); n += 97 {
		if got, _, err := rows(whole[:n]); err != nil || got > all {
			t.Errorf("%d of %d bytes: %d rows, %v", n, len(whole), got, err)
		}
	}
	for at := 0; at < len(whole); at += 211 {
		damaged := append([]byte(nil), whole...)
		damaged[at] ^= 1
		if _, _, err := rows(damaged); err == nil || !strings.Contains(err.Error(), "damaged") && at >= 7 {
			t.Errorf("byte %d changed: %v", at, err)
		}
	}
}

// Any bytes are read or refused.
func FuzzRead(f *testing.F) {
	if whole, err := os.ReadFile(sample); err == nil {
		f.Add(whole[:600])
	}
	f.Add([]byte(":W&B\xe1\xbe\x00\x00\x00\x00\x00\x01\x00\x01\x00"))
	f.Fuzz(func(_ *testing.T, content []byte) {
		item := func(wandb.Item) error { return nil }
		wandb.Read(bytes.NewReader(content), wandb.Log{Config: item, Summary: item, History: func(int64, []wandb.Item) error { return nil }})
	})
}
