package backend

import (
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
)

// Status says whether a backend can be used, and what it needs.
type Status struct {
	Name    string   `json:"backend"`
	Usable  bool     `json:"usable"`
	Problem string   `json:"problem,omitempty"` // why it cannot be used
	API     string   `json:"api,omitempty"`     // version of the plugin's interface, if this binary can load it
	Plugin  *Plugin  `json:"plugin,omitempty"`
	Devices []Device `json:"devices,omitempty"`
	Class   string   `json:"class"`
}

// Survey returns the status of all backends. It reports all problems of a backend: a
// plugin is listed even if the binary cannot use it.
func Survey() []Status {
	var out []Status
	for _, name := range Names() {
		s := Status{Name: name, Class: Class(name, Numerics{})}
		if name == "go" {
			s.Usable = true
			out = append(out, s)
			continue
		}
		here := machine()
		var problems []string
		note := func(err error) {
			if err != nil {
				problems = append(problems, err.Error())
			}
		}
		note(builtWithXLA())
		if name == "xla:cuda" {
			s.Devices = here.devices
			note(here.driver)
		}
		if p := here.plugins[name]; p.err != nil {
			note(p.err)
		} else {
			s.Plugin = &p.plugin
			api, err := loadPlugin(p.plugin.Path)
			if err != errWithoutXLA {
				note(err)
			}
			s.API = api
		}
		s.Usable, s.Problem = len(problems) == 0, strings.Join(problems, "; ")
		out = append(out, s)
	}
	return out
}

// surroundings are the plugins and devices of the machine, which are taken not to
// change while the process runs.
type surroundings struct {
	devices []Device
	driver  error
	plugins map[string]search
	tuning  *tuning // of xla:cuda; nil where choices of kernels cannot be kept
}

type search struct {
	plugin Plugin
	err    error
}

var (
	surroundingsMu sync.Mutex
	bySearchPath   = make(map[string]*surroundings) // by the values of pluginEnvironment
)

// machine returns the surroundings. It finds them once: running nvidia-smi and Python
// takes too long to be repeated for every trial of a plan.
func machine() *surroundings {
	var env strings.Builder
	for _, name := range pluginEnvironment {
		env.WriteString(os.Getenv(name) + "\x00")
	}
	surroundingsMu.Lock()
	defer surroundingsMu.Unlock()
	if s := bySearchPath[env.String()]; s != nil {
		return s
	}
	s := &surroundings{plugins: make(map[string]search)}
	s.devices, s.driver = cudaDevices()
	for _, name := range Names()[1:] {
		p, err := FindPlugin(name)
		s.plugins[name] = search{p, err}
	}
	if p := s.plugins["xla:cuda"]; p.err == nil && s.driver == nil {
		var err error
		if s.tuning, err = openTuning(append(versionList(p.plugin.Versions), deviceClass(s.devices)...)); err != nil {
			slog.Warn("XLA's choices of kernels cannot be kept: results of different processes may differ in the last bits", "error", err)
			s.tuning = nil
		}
	}
	bySearchPath[env.String()] = s
	return s
}

// xlaClass returns XLA's part of the numerics class: the plugin and its libraries,
// the models and drivers of GPUs, and which choice of kernels it has there.
func xlaClass(name string, deterministic bool) []string {
	// The form of the program that loops over steps, and of the products and the loss in it.
	parts := []string{"launch=1", "lowering=2"}
	here := machine()
	if p := here.plugins[name]; p.err == nil {
		parts = append(parts, versionList(p.plugin.Versions)...)
	}
	if name == "xla:cuda" {
		parts = append(parts, deviceClass(here.devices)...)
		switch {
		case deterministic:
		case here.tuning != nil:
			parts = append(parts, "tuning="+here.tuning.id)
		default:
			parts = append(parts, "tuning=none")
		}
	}
	return parts
}

// deviceClass lists the models and drivers of devices, each once.
func deviceClass(devices []Device) []string {
	var parts []string
	for _, d := range devices {
		if text := "device=" + d.Name + " driver=" + d.Driver; !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	return parts
}

// tuningOf returns where the choices of kernels of a backend are kept, nil for
// nowhere.
func tuningOf(name string) *tuning {
	if name != "xla:cuda" {
		return nil
	}
	return machine().tuning
}
