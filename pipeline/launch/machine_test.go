package launch

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"ablate/hcl/study"
	"ablate/pipeline"
)

// leases are taken by name, as among processes.
type leases struct {
	mu    sync.Mutex
	taken map[string]bool
}

func (l *leases) take(name string) (func() error, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken[name] {
		return nil, false, nil
	}
	if l.taken == nil {
		l.taken = make(map[string]bool)
	}
	l.taken[name] = true
	return func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.taken, name)
		return nil
	}, true, nil
}

func never() bool { return false }

func TestGPUsArePinned(t *testing.T) {
	var l leases
	m := &Machine{GPUs: []string{"2", "5"}, Lease: l.take}
	other := &Machine{GPUs: []string{"2", "5"}, Lease: l.take} // another process
	one := study.Resources{GPUs: 1}
	a, err := m.take(t.Context(), one, nil, never)
	if err != nil || strings.Join(a.environment(), " ") != "CUDA_VISIBLE_DEVICES=2" {
		t.Fatalf("the first has %v, %v, want GPU 2", a.environment(), err)
	}
	b, err := other.take(t.Context(), one, nil, never)
	if err != nil || strings.Join(b.environment(), " ") != "CUDA_VISIBLE_DEVICES=5" {
		t.Fatalf("the second has %v, %v, want GPU 5", b.environment(), err)
	}
	reported := make(chan string, 1)
	got := make(chan *share)
	go func() {
		s, _ := m.take(t.Context(), study.Resources{GPUs: 2}, func(p pipeline.Progress) { reported <- p.Waits }, never)
		got <- s
	}()
	if why := <-reported; why != "waits for 2 of 2 GPUs" {
		t.Errorf("the third reports %q", why)
	}
	a.release()
	b.release()
	if s := <-got; strings.Join(s.environment(), " ") != "CUDA_VISIBLE_DEVICES=2,5" {
		t.Errorf("the third has %v, want both", s.environment())
	}
	if _, err := m.take(t.Context(), study.Resources{GPUs: 3}, nil, never); err == nil || !strings.Contains(err.Error(), "this machine has 2") {
		t.Errorf("three of two GPUs: %v", err)
	}
}

func TestMemoryIsGuarded(t *testing.T) {
	var mu sync.Mutex
	free := int64(10 << 30)
	m := &Machine{Memory: func() (int64, error) { mu.Lock(); defer mu.Unlock(); return free, nil }}
	six := study.Resources{Memory: 6 << 30}
	a, err := m.take(t.Context(), six, nil, never)
	if err != nil {
		t.Fatal(err)
	}
	// It has not touched its memory yet, but its reservation counts.
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	said := ""
	if _, err := m.take(ctx, six, func(p pipeline.Progress) { said = p.Waits }, never); !errors.Is(err, context.DeadlineExceeded) || said != "waits for 6.0 GiB of memory; 4.0 GiB are free" {
		t.Errorf("the second says %q and ends with %v", said, err)
	}
	a.release()
	// Once touched it is not counted twice.
	a, _ = m.take(t.Context(), study.Resources{Memory: 4 << 30}, nil, never)
	mu.Lock()
	free -= 4 << 30
	mu.Unlock()
	b, err := m.take(t.Context(), six, nil, never)
	if err != nil {
		t.Fatal(err)
	}
	a.release()
	b.release()
	if _, err := m.take(t.Context(), study.Resources{Memory: 7 << 30}, nil, never); err == nil || !strings.Contains(err.Error(), "6.0 GiB are free") {
		t.Errorf("more than is free: %v", err)
	}
}

func TestVisibleGPUs(t *testing.T) {
	for visible, want := range map[string]int{"": 0, "0,1": 2, "GPU-4a, GPU-5b": 2, "-1": 0} {
		if got := GPUs(t.Context(), visible, true); len(got) != want {
			t.Errorf("CUDA_VISIBLE_DEVICES=%q gives %q, want %d", visible, got, want)
		}
	}
}
