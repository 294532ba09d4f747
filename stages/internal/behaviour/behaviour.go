// Package behaviour witnesses host code: what decides the bytes of a result but
// builds no graph, such as streams, batches, evaluation, tokenizers and
// statistics.
//
// A scene runs the real code on a small canonical input, against a machine that
// computes nothing, and notes what the code hands over. The hash of the notes is
// the code's behaviour. A key holds it only where it differs from the behaviour
// that the scene had when it was introduced (see frozen.txt), so that a new scene,
// and the mechanism itself, change no key.
//
// The package knows no stage. Packages of stages declare their scenes beside the
// code that the scenes witness.
package behaviour

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"sync"

	"ablate/cache"
	"ablate/pipeline"
)

// Subject is host code under witness. A part is what enters one kind of key: a
// change of how losses are aggregated redoes evaluations, not training.
type Subject struct {
	Name   string // without spaces; it stands in frozen.txt
	Parts  []string
	Scenes []Scene
}

// Scene is one rehearsal of a subject. Play notes the same on every machine.
type Scene struct {
	Name string // without spaces, unique in its subject
	Play func(w *Witness) error
}

// Witness hashes what a scene hands over, part by part.
type Witness struct {
	parts map[string]hash.Hash
	log   func(part, line string) // nil but in tests
}

// Note records one fact of a part. Its operands must print the same on every
// machine.
func (w *Witness) Note(part, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if w.log != nil {
		w.log(part, line)
	}
	h := w.parts[part]
	if h == nil {
		h = sha256.New()
		w.parts[part] = h
	}
	fmt.Fprintf(h, "%d:%s\n", len(line), line)
}

// Failed is the part that holds what went wrong in a scene.
const Failed = "failed"

// play returns the hash of each part that a scene noted. A scene that fails is an
// answer, too, and one that no frozen scene gave: a broken rehearsal changes keys
// and stops no plan.
func (s Scene) play(log func(part, line string)) map[string]cache.Digest {
	w := &Witness{parts: make(map[string]hash.Hash), log: log}
	if err := s.safely(w); err != nil {
		w.Note(Failed, "%v", err)
	}
	out := make(map[string]cache.Digest, len(w.parts))
	for part, h := range w.parts {
		out[part] = cache.Digest(h.Sum(nil))
	}
	return out
}

func (s Scene) safely(w *Witness) (err error) {
	defer func() {
		if r := recover(); r != nil {
			text, _, _ := strings.Cut(fmt.Sprint(r), "\n")
			err = fmt.Errorf("panic: %s", text)
		}
	}()
	return s.Play(w)
}

// Behaviours plays all scenes of a subject. The result is by name, as in
// frozen.txt: subject/part/scene.
func (s Subject) Behaviours(log func(scene, part, line string)) map[string]cache.Digest {
	out := make(map[string]cache.Digest)
	for _, scene := range s.Scenes {
		var note func(part, line string)
		if log != nil {
			note = func(part, line string) { log(scene.Name, part, line) }
		}
		for part, d := range scene.play(note) {
			out[s.name(part, scene.Name)] = d
		}
	}
	return out
}

func (s Subject) name(part, scene string) string { return s.Name + "/" + part + "/" + scene }

// deviations is the hash, part by part, of what differs from the frozen scenes;
// parts without a difference are left out. What failed belongs to every part.
func (s Subject) deviations() map[string]cache.Digest {
	now, then := s.Behaviours(nil), frozenOf(s.Name)
	different := make(map[string]cache.Digest)
	for name, d := range now {
		if then[name] != d {
			different[name] = d
		}
	}
	for name := range then {
		if _, ok := now[name]; !ok {
			different[name] = cache.Digest{} // no longer played, or silent
		}
	}
	out := make(map[string]cache.Digest)
	for _, part := range s.Parts {
		var items []cache.Value
		for _, name := range slices.Sorted(maps.Keys(different)) {
			if of := strings.Split(name, "/")[1]; of == part || of == Failed {
				items = append(items, cache.List(cache.String(name), cache.DigestValue(different[name])))
			}
		}
		if items != nil {
			out[part] = cache.Digest(cache.List(items...).Key("ablate behaviour v1"))
		}
	}
	return out
}

// played remembers the deviations of each subject in this process, by name: they
// are a function of the program.
var played sync.Map // string -> func() map[string]cache.Digest

func (s Subject) once() map[string]cache.Digest {
	f, _ := played.LoadOrStore(s.Name, sync.OnceValue(s.deviations))
	return f.(func() map[string]cache.Digest)()
}

// unchanged stands in the memo for a part without deviations.
var unchanged = cache.DigestOf([]byte("ablate behaviour unchanged"))

// Fingerprint is what a key holds of the behaviour of some parts of a subject: a
// map by part, without those that behave as their frozen scenes did.
func Fingerprint(in pipeline.Inputs, s Subject, parts ...string) (cache.Value, error) {
	m := make(map[string]cache.Value)
	for _, part := range parts {
		compute := func() (cache.Digest, error) {
			if d, ok := s.once()[part]; ok {
				return d, nil
			}
			return unchanged, nil
		}
		digest, err := remembered(in, s.Name, part, compute)
		if err != nil {
			return cache.Value{}, fmt.Errorf("rehearsing the %s of %s: %w", part, s.Name, err)
		}
		if digest != unchanged {
			m[part] = cache.DigestValue(digest)
		}
	}
	return cache.Map(m), nil
}

func remembered(in pipeline.Inputs, subject, part string, compute func() (cache.Digest, error)) (cache.Digest, error) {
	if in.Memo == nil {
		return compute()
	}
	return in.Memo.Digest(cache.List(cache.String("behaviour"), cache.String(subject), cache.String(part)), compute)
}
