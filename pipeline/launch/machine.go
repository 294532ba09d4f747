package launch

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"ablate/hcl/study"
	"ablate/pipeline"
)

// Machine is what actions on this machine share: its GPUs and its memory. An action
// that asks for more than is free waits.
type Machine struct {
	GPUs   []string              // as CUDA_VISIBLE_DEVICES names them
	Memory func() (int64, error) // bytes that are free now
	// Lease takes a name among all processes that use one store; ok is false
	// while another process holds it.
	Lease func(name string) (release func() error, ok bool, err error)

	names names

	mu       sync.Mutex
	promised int64 // memory reserved by running actions
	base     int64 // memory that was free before the first of them started
}

// take waits until what an action asks for is free.
func (m *Machine) take(ctx context.Context, r study.Resources, progress func(pipeline.Progress), yield func() bool) (*share, error) {
	if m != nil && r.Nodes > 1 {
		return nil, severalNodes(r.Nodes)
	}
	if m == nil || r.GPUs == 0 && r.Memory == 0 {
		return &share{}, nil
	}
	if r.GPUs > len(m.GPUs) {
		has := "none"
		if len(m.GPUs) > 0 {
			has = fmt.Sprintf("%d (%s)", len(m.GPUs), strings.Join(m.GPUs, ", "))
		}
		return nil, finalf("asks for %s, but this machine has %s: ask for fewer, or choose an executor that has them", GPUCount(r.GPUs), has)
	}
	return waitForShare(ctx, progress, yield, func() (*share, string, error) { return m.try(r) })
}

// severalNodes is the error of an executor that is one machine.
func severalNodes(n int) error {
	return finalf("asks for %d nodes, which only executors of type slurm have", n)
}

// try takes everything or nothing; why says what is not free.
func (m *Machine) try(r study.Resources) (s *share, why string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Memory > 0 {
		free, err := m.Memory()
		if err != nil {
			return nil, "", fmt.Errorf("reading the free memory: %w", err)
		}
		if m.promised == 0 {
			m.base = free
		}
		// A running action may not have touched its memory yet: count both.
		if free = min(free, m.base-m.promised); free < r.Memory {
			if m.promised == 0 {
				return nil, "", finalf("asks for %s of memory, but %s are free: free some, ask for less, or choose another executor",
					memory(r.Memory), memory(free))
			}
			return nil, fmt.Sprintf("waits for %s of memory; %s are free", memory(r.Memory), memory(free)), nil
		}
	}
	gpus, release, err := m.names.lease(m.Lease, "gpu", m.GPUs, r.GPUs)
	if release == nil || err != nil {
		return nil, fmt.Sprintf("waits for %d of %d GPUs", r.GPUs, len(m.GPUs)), err
	}
	m.promised += r.Memory
	return &share{gpus: gpus, pinned: r.GPUs > 0, giveBack: func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.promised -= r.Memory
		release()
	}}, "", nil
}
