package train

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gomlx/compute"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/stages/internal/backend"
	"ablate/stages/internal/ml"
)

// client is an open backend with the programs that were compiled for it. A process of
// trials on XLA keeps it from one trial to the next: compiling often takes
// longer than the trial itself, and trials that differ in their seed alone have the same programs.
type client struct {
	backend  compute.Backend
	programs []*compiled // the least recently used first
}

// mostPrograms bounds the programs of a client: three for each of four computations.
const mostPrograms = 12

// compiled is a compiled program. Its readings are those of a probe.
type compiled struct {
	key      string
	exec     *ml.Exec
	readings []reading
}

// programKeys name the programs of a trial: equal keys mean equal programs. An empty
// key names none.
type programKeys struct{ step, evaluate, probe string }

// programKeys derives the keys from the fingerprints. Fingerprints leave out what
// decides no bit: the number of steps in a call, and barriers.
func (t *LM) programKeys(in pipeline.Inputs) (programKeys, error) {
	code, err := t.fingerprints(in)
	if err != nil {
		return programKeys{}, err
	}
	key := func(part string, more ...cache.Value) string {
		return cache.List(append(more, cache.String(part), code.At(part))...).Key("ablate compiled program v1").String()
	}
	keys := programKeys{step: key("step", cache.Bool(t.Checkpointing)), evaluate: key("evaluate")}
	if t.Probe.Every > 0 {
		keys.probe = key("probe")
	}
	return keys, nil
}

// affinity is which process should compute the trial. On the Go backend nothing is
// worth keeping.
func (t *LM) affinity(code cache.Value) pipeline.Affinity {
	if t.Backend == "go" {
		return pipeline.Affinity{}
	}
	return pipeline.Affinity{
		Process: fmt.Sprintf("%s deterministic=%t", t.Backend, t.Deterministic),
		Work:    cache.List(code.At("step")).Key("ablate affinity v1").String()[:16],
	}
}

// clientOf is the key of a client among what a process keeps. XLA reads its flags
// once, so that a process has one value of deterministic.
type clientOf struct {
	backend       string
	deterministic bool
}

// client opens the trial's backend, or returns the one that an earlier trial opened.
func (t *LM) client(env *pipeline.Env, open opener) (*client, error) {
	return pipeline.Keep(env.Kept, clientOf{t.Backend, t.Deterministic}, func() (*client, error) {
		if err := backend.Configure(t.Backend, t.Deterministic); err != nil {
			return nil, err
		}
		began := time.Now()
		b, err := open(t.Backend, env.Threads)
		if err != nil {
			return nil, err
		}
		env.Log.Info("opened", "backend", t.Backend, "seconds", time.Since(began).Seconds())
		return &client{backend: b}, nil
	})
}

// compile compiles a program, or finds it.
func (c *client) compile(key string, p ml.Program, log *slog.Logger) (*compiled, error) {
	if i := slices.IndexFunc(c.programs, func(p *compiled) bool { return key != "" && p.key == key }); i >= 0 {
		found := c.programs[i]
		c.programs = append(slices.Delete(c.programs, i, i+1), found)
		return found, nil
	}
	began := time.Now()
	exec, err := ml.Compile(c.backend, p)
	if err != nil {
		return nil, err
	}
	log.Info("compiled", "program", p.Name, "seconds", time.Since(began).Seconds(), "bytes", backend.MemoryOf(exec.Executable()))
	made := &compiled{key: key, exec: exec}
	if key != "" {
		c.programs = append(c.programs, made)
		for len(c.programs) > mostPrograms {
			c.programs[0].exec.Finalize()
			c.programs = slices.Delete(c.programs, 0, 1)
		}
	}
	return made, nil
}
