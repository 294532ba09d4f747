package study

import (
	"time"
)

// LocalExecutor is the label of this machine. It needs no configuration.
const LocalExecutor = "local"

// Executor is an executor block: a place where actions can run. What its type
// does not know is zero.
type Executor struct {
	Type, Label string
	Jobs        int    // actions at once; of ssh, for each host
	Program     string // ablate's path there; "" is where it is here
	Store       string // the store's folder there; "" is where it is here
	Shared      bool   // the store's folder is seen there; without it results travel by the remote

	Partition     string        // of slurm, as all that follows
	Time          time.Duration // of one allocation; 0 is the partition's
	Arguments     []string      // further arguments of sbatch
	PerAllocation int
	OnInterrupt   string        // "cancel" or "leave"
	Poll          time.Duration // how often the queue is asked

	Hosts []string // of ssh, as what follows
	GPUs  int      // of each host
}

// Resources is what an instance asks for. Zero is: not said.
type Resources struct {
	CPUs   int   `json:"cpus,omitempty"`
	GPUs   int   `json:"gpus,omitempty"`
	Memory int64 `json:"memory,omitempty"` // bytes
}
