package study

import "time"

// LocalExecutor is the label of this machine. It needs no configuration.
const LocalExecutor = "local"

// Executor is an executor block: a place where actions can run. Fields that its
// type does not have are zero.
type Executor struct {
	Type, Label string
	Jobs        int    // actions at the same time; of ssh, on each host
	Program     string // path of ablate there; "" if it is the same as here
	Store       string // folder of the store there; "" if it is the same as here
	Shared      bool   // the folder of the store is shared; otherwise results travel through the remote

	// Of slurm.
	Partition     string
	Time          time.Duration // of one allocation; 0 means the partition's default
	Arguments     []string      // further arguments of sbatch
	PerAllocation int           // actions in one allocation
	OnInterrupt   string        // "cancel" or "leave"
	Poll          time.Duration // interval between queries of the queue

	// Of ssh.
	Hosts []string
	GPUs  int // of each host
}

// Resources are the resources that an instance requests. Zero means no request.
type Resources struct {
	CPUs   int   `json:"cpus,omitempty"`
	GPUs   int   `json:"gpus,omitempty"`
	Memory int64 `json:"memory,omitempty"` // bytes

	// Of a job of Slurm: the program starts the tasks itself, with srun.
	Nodes        int `json:"nodes,omitempty"`
	TasksPerNode int `json:"tasks_per_node,omitempty"`
}
