package launch

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"ablate/hcl/study"
)

// Machine is what actions on this machine share: its GPUs and its memory. An action
// that asks for more than is free waits.
type Machine struct {
	GPUs   []string              // as CUDA_VISIBLE_DEVICES names them
	Memory func() (int64, error) // bytes that are free now
	// Lease takes a name among all processes that use one store; ok is false
	// while another process holds it.
	Lease func(name string) (release func() error, ok bool, err error)

	mu       sync.Mutex
	taken    map[string]bool // GPUs
	promised int64           // memory reserved by running actions
	base     int64           // memory that was free before the first of them started
}

// slotPoll is how often a waiting action checks again.
const slotPoll = 200 * time.Millisecond

// share is the part of a machine that one action holds.
type share struct {
	host     string // "" is this machine
	gpus     []string
	pinned   bool
	giveBack func() // nil gives nothing back
}

// take waits until what an action asks for is free. It reports what it waits for.
// Before it waits or gives up, it calls yield, which gives back something that is held
// but not used, or returns false.
func (m *Machine) take(ctx context.Context, r study.Resources, waits func(string), yield func() bool) (*share, error) {
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
	reported := ""
	for {
		s, why, err := m.try(r)
		if s != nil {
			return s, nil
		}
		if yield() {
			continue
		}
		if err != nil {
			return nil, err
		}
		if why != reported {
			waits(why)
			reported = why
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(slotPoll):
		}
	}
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
	s = &share{pinned: r.GPUs > 0}
	var held releases
	for _, gpu := range m.GPUs {
		if len(s.gpus) == r.GPUs || m.taken[gpu] {
			continue
		}
		release, ok, err := m.Lease("gpu " + gpu)
		if err != nil {
			held.release()
			return nil, "", fmt.Errorf("leasing GPU %s: %w", gpu, err)
		}
		if !ok {
			continue
		}
		s.gpus, held = append(s.gpus, gpu), append(held, release)
	}
	if len(s.gpus) < r.GPUs {
		held.release()
		return nil, fmt.Sprintf("waits for %d of %d GPUs", r.GPUs, len(m.GPUs)), nil
	}
	if m.taken == nil {
		m.taken = make(map[string]bool)
	}
	for _, gpu := range s.gpus {
		m.taken[gpu] = true
	}
	m.promised += r.Memory
	s.giveBack = func() { m.giveBack(s.gpus, r.Memory, held) }
	return s, "", nil
}

func (m *Machine) giveBack(gpus []string, memory int64, held releases) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, gpu := range gpus {
		delete(m.taken, gpu)
	}
	m.promised -= memory
	held.release()
}

// releases release what was leased.
type releases []func() error

func (r releases) release() {
	for _, release := range r {
		release() // a lease that cannot be released ends with this process
	}
}

// environment pins the child to its host and its GPUs.
func (s *share) environment() []string {
	var out []string
	if s.host != "" {
		out = append(out, "host "+s.host)
	}
	if s.pinned {
		out = append(out, "CUDA_VISIBLE_DEVICES="+strings.Join(s.gpus, ","))
	}
	return out
}

func (s *share) release() {
	if s != nil && s.giveBack != nil {
		s.giveBack()
	}
}
