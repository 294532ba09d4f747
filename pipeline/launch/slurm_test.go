package launch

import (
	"slices"
	"testing"
	"time"

	"ablate/hcl/study"
	"ablate/pipeline/action"
)

// TestTime asks for no less time than the executor says.
func TestTime(t *testing.T) {
	for limit, want := range map[time.Duration][]string{
		time.Second: {"--time=1"}, time.Minute: {"--time=1", "--signal=B:USR1@15"},
		90 * time.Second: {"--time=2", "--signal=B:USR1@22"}, 12 * time.Hour: {"--time=720", "--signal=B:USR1@120"},
	} {
		b := newBatch("a100", [][]action.Request{{{}}})
		args := Slurm{Cluster: &Cluster{}, Config: study.Executor{Shared: true, PerAllocation: 1, Time: limit}}.submission(b, "/spool")
		for _, w := range want {
			if !slices.Contains(args, w) {
				t.Errorf("%s: sbatch %q lacks %s", limit, args, w)
			}
		}
	}
}

func TestNodesAndTasks(t *testing.T) {
	for _, c := range []struct {
		resources study.Resources
		want      []string
		slurm     bool // the program sees the variables of the job
	}{
		{study.Resources{}, []string{"--nodes=1", "--ntasks=1"}, false},
		{study.Resources{Nodes: 1}, []string{"--nodes=1", "--ntasks=1"}, false},
		{study.Resources{Nodes: 2}, []string{"--nodes=2", "--ntasks-per-node=1"}, true},
		{study.Resources{Nodes: 2, TasksPerNode: 4, GPUs: 4}, []string{"--nodes=2", "--ntasks-per-node=4", "--gres=gpu:4"}, true},
		{study.Resources{TasksPerNode: 4}, []string{"--nodes=1", "--ntasks-per-node=4"}, true},
		{study.Resources{Memory: 1000}, []string{"--mem=1M"}, false},
		{study.Resources{Memory: 2 << 30}, []string{"--mem=2048M"}, false},
	} {
		b := newBatch("a100", [][]action.Request{{{Resources: c.resources}}})
		args := Slurm{Cluster: &Cluster{}, Config: study.Executor{Shared: true, PerAllocation: 1}}.submission(b, "/spool")
		for _, want := range c.want {
			if !slices.Contains(args, want) {
				t.Errorf("%+v: sbatch %q lacks %s", c.resources, args, want)
			}
		}
		env := childEnvironment([]string{"SLURM_JOB_ID=7", "OTHER=1"}, action.Request{Resources: c.resources}, false)
		if slices.Contains(env, "SLURM_JOB_ID=7") != c.slurm || slices.Contains(env, "OTHER=1") {
			t.Errorf("%+v: the environment of the program is %q", c.resources, env)
		}
	}
}
