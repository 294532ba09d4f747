package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Build reports the program and the libraries that decide results. Libraries are
// fields by their module path.
type Build struct {
	Go       string `json:"go" doc:"toolchain"`
	OS       string `json:"os" doc:"operating system"`
	Arch     string `json:"arch" doc:"architecture"`
	Version  string `json:"version" doc:"version of ablate; unknown where the build does not say"`
	Revision string `json:"vcs.revision,omitempty" doc:"commit"`
	GoMLX    string `json:"github.com/gomlx/gomlx,omitempty" doc:"version of the library"`
	Compute  string `json:"github.com/gomlx/compute,omitempty" doc:"version of the library"`
	HCL      string `json:"github.com/hashicorp/hcl/v2,omitempty" doc:"version of the library"`
}

func (Build) kind() string { return "build" }

func (e Build) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ablate %s, %s %s/%s\n", e.Version, e.Go, e.OS, e.Arch)
	for _, lib := range []struct{ path, version string }{
		{"github.com/gomlx/compute", e.Compute}, {"github.com/gomlx/gomlx", e.GoMLX}, {"github.com/hashicorp/hcl/v2", e.HCL},
	} {
		if lib.version != "" {
			fmt.Fprintf(&b, "  %s %s\n", lib.path, lib.version)
		}
	}
	return b.String()
}

// Backend reports a backend and whether it can be used.
type Backend struct {
	Name    string   `json:"backend" doc:"go, xla:cpu or xla:cuda"`
	Usable  bool     `json:"usable" doc:"trials can run on it here"`
	Problem string   `json:"problem,omitempty" doc:"why it cannot be used"`
	API     string   `json:"api,omitempty" doc:"version of the PJRT interface"`
	Plugin  *Plugin  `json:"plugin,omitempty" doc:"the PJRT plugin"`
	Devices []Device `json:"devices,omitempty" doc:"GPUs"`
	Class   string   `json:"class" doc:"numerics class"`
}

// Plugin is the PJRT plugin of a backend.
type Plugin struct {
	Path     string            `json:"path" doc:"the file that is loaded"`
	Origin   string            `json:"origin" doc:"the file that it links to"`
	Found    string            `json:"found_by" doc:"what named it"`
	Versions map[string]string `json:"versions" doc:"versions of its wheels, or the digest of the file"`
}

// Device is a GPU.
type Device struct {
	Name   string `json:"name" doc:"model"`
	Memory int64  `json:"memory" doc:"bytes in all"`
	Driver string `json:"driver" doc:"version of the driver"`
}

func (Backend) kind() string { return "backend" }

func (e Backend) text() string {
	var b strings.Builder
	if e.Usable {
		fmt.Fprintf(&b, "%s: usable\n", e.Name)
	} else {
		fmt.Fprintf(&b, "%s: not usable: %s\n", e.Name, e.Problem)
	}
	for _, d := range e.Devices {
		fmt.Fprintf(&b, "  device %s, %s of memory, driver %s\n", d.Name, Size(int64(d.Memory)), d.Driver)
	}
	if p := e.Plugin; p != nil {
		fmt.Fprintf(&b, "  plugin %s, found by %s\n", p.Origin, p.Found)
		if e.API != "" {
			fmt.Fprintf(&b, "  PJRT interface %s\n", e.API)
		}
		for _, name := range slices.Sorted(maps.Keys(p.Versions)) {
			fmt.Fprintf(&b, "  %s %s\n", name, p.Versions[name])
		}
	}
	return b.String()
}
