package action

import (
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
	Seconds  float64       `json:"seconds"`
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

// ThisHost describes this machine and the running program.
func ThisHost(executable cache.Digest) Host {
	h := Host{OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(), Executable: executable}
	if name, err := os.Hostname(); err == nil {
		h.Name = name
	}
	if u, err := user.Current(); err == nil {
		h.User = u.Username
	}
	return h
}
