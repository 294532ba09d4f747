package action

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"runtime"
	"time"

	"ablate/cache"
	"ablate/hcl/addr"
)

// Provenance records who computed an entry, where, when, and how long it took. It
// is stored beside the entry and is never an input.
type Provenance struct {
	Address  addr.Instance `json:"address"`
	Host     Host          `json:"host"`
	Class    string        `json:"numerics_class,omitempty"`
	Threads  int           `json:"threads"`
	Started  time.Time     `json:"started"`
	Finished time.Time     `json:"finished"`
	Seconds  float64       `json:"seconds"`          // with those of the state that it resumed from, where the stage says
	Work     *Work         `json:"work,omitempty"`   // that was computed in these seconds, where the stage says
	Remade   bool          `json:"remade,omitempty"` // the first record was lost, and the rest with it
}

// ProvenanceOf reads the provenance of an entry.
func ProvenanceOf(ctx context.Context, store cache.Store, e cache.Entry) (p Provenance, err error) {
	raw, err := cache.ReadAll(ctx, store, e.Provenance)
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	return p, err
}

// Work is the arithmetic of an action.
type Work struct {
	FLOPs    float64 `json:"flops"`           // without those of cached states
	PerToken float64 `json:"flops_per_token"` // tells large models from small ones
}

// Host is the machine and the program that computed an entry.
type Host struct {
	Name       string       `json:"name"`
	User       string       `json:"user,omitempty"`
	OS         string       `json:"os"`
	Arch       string       `json:"arch"`
	Go         string       `json:"go"`
	Executable cache.Digest `json:"executable"`
}

// ThisHost describes this machine. Provenance is sent with its entry to
// remotes that others can read, so the machine has a pseudonym: the same for all results that
// a user computes on it, and of no use to others.
func ThisHost(executable cache.Digest) Host {
	return Host{Name: pseudonym(), OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(), Executable: executable}
}

// Named adds the real names of the machine and the user.
func (h Host) Named() Host {
	if name, err := os.Hostname(); err == nil {
		h.Name = name
	}
	if u, err := user.Current(); err == nil {
		h.User = u.Username
	}
	return h
}

// pseudonym hashes what identifies the machine and the user. The machine's id,
// where there is one, keeps others from guessing their names.
func pseudonym() string {
	id, _ := os.ReadFile("/etc/machine-id")
	name, _ := os.Hostname()
	uid := ""
	if u, err := user.Current(); err == nil {
		uid = u.Uid
	}
	return "host-" + cache.DigestOf(fmt.Appendf(nil, "ablate host\x00%s\x00%s\x00%s", id, name, uid)).Hex()[:12]
}
