package train

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"ablate/cache"
	"ablate/pipeline"
	"ablate/stages/record"
)

// A state is the parameters, running statistics and optimizer's averages after a
// number of steps. Random numbers are a function of a stream and the step. A state
// therefore depends on the base and the factors of the learning rate alone, and
// not on interruptions, the number of steps to come, or observers.

// stateDomain separates keys of states from others. It has the version of the
// fields of a base.
const stateDomain = "ablate state v1"

// base is the part of the key that all states of a trial share.
func (t *LM) base(in pipeline.Inputs) (cache.Value, error) {
	code, err := t.fingerprints(in)
	if err != nil {
		return cache.Value{}, err
	}
	m := map[string]cache.Value{
		"init": code.At("init"), "step": code.At("step"),
		"replicate": cache.Int(t.Seed), "study_seed": cache.Int(in.Study.Seed),
		"data":      cache.DigestValue(in.One("data").Digest(trainTokens)),
		"sequences": cache.Int(int64(t.Batch.Sequences)), "length": cache.Int(int64(t.Batch.Length)),
		"accumulate": cache.Int(int64(t.Accumulate)), "backend": cache.String(t.Backend),
	}
	if host := code.At("behaviour", stateBehaviour); !host.IsZero() {
		m["behaviour"] = host
	}
	if t.deterministic() {
		m["deterministic"] = cache.Bool(true)
	}
	if in.Class != "" {
		m["class"] = cache.String(in.Class)
	}
	return cache.Map(m), nil
}

// stateKeys returns the key of the state after each number of steps, from 0.
// Stretches of one factor are hashed as the factor and their length.
func (t *LM) stateKeys(base cache.Value) []cache.Key {
	keys := make([]cache.Key, t.Steps+1)
	keys[0] = base.Key(stateDomain)
	from, factor, length := keys[0], float32(0), uint64(0)
	for step := range t.Steps {
		if f := t.Schedule.at(step, t.Steps); length > 0 && f == factor {
			length++
		} else {
			from, factor, length = keys[step], f, 1
		}
		var b [44]byte
		copy(b[:], from[:])
		binary.BigEndian.PutUint32(b[32:], math.Float32bits(factor))
		binary.BigEndian.PutUint64(b[36:], length)
		keys[step+1] = sha256.Sum256(b[:])
	}
	return keys
}

// keptKey is the key of a state that is kept with the checkpoint. Temporary states
// have the plain key.
func keptKey(k cache.Key) cache.Key { return about(k, "kept") }

// knownKey is the key of a mark that the store holds states of a trial. Without the
// mark, none of their keys is looked up.
func knownKey(k cache.Key) cache.Key { return about(k, "known") }

// about is the key of something that belongs to a state.
func about(k cache.Key, what string) cache.Key {
	return cache.List(cache.String(k.String()), cache.String(what)).Key("ablate about a state v1")
}

// observer measures states without changing them.
type observer struct {
	every   int
	id      cache.Value // everything that its rows depend on beside the state
	output  string      // the artifact that its rows go to
	measure func(*loop) ([]record.Row, error)
}

// due reports whether the observer measures after a number of steps.
func (o observer) due(step, steps int) bool { return step%o.every == 0 || step == steps }

// key is the key of the observer's rows for a state.
func (o observer) key(state cache.Key) cache.Key {
	return cache.List(cache.String(state.String()), o.id).Key("ablate observation v1")
}

// observers lists the observers of a trial.
func (t *LM) observers(in pipeline.Inputs) ([]observer, error) {
	code, err := t.fingerprints(in)
	if err != nil {
		return nil, err
	}
	id := func(name string, batches int) cache.Value {
		m := map[string]cache.Value{
			"observer": cache.String(name), "code": code.At(name), "batches": cache.Int(int64(batches)),
			"data":      cache.DigestValue(in.One("data").Digest(validationTokens)),
			"sequences": cache.Int(int64(t.Batch.Sequences)), "length": cache.Int(int64(t.Batch.Length)),
			"study_seed": cache.Int(in.Study.Seed), "backend": cache.String(t.Backend),
		}
		if host := code.At("behaviour", name); !host.IsZero() {
			m["behaviour"] = host
		}
		return cache.Map(m)
	}
	out := []observer{{every: t.Evaluate.Every, id: id("evaluate", t.Evaluate.Batches), output: record.Metrics, measure: (*loop).evaluate}}
	if t.Probe.Every > 0 {
		out = append(out, observer{every: t.Probe.Every, id: id("probe", 1), output: record.Probes, measure: (*loop).probe})
	}
	return out, nil
}
