//go:build xla && cgo && linux

package backend_test

import (
	"path/filepath"
	"strings"
	"testing"

	"ablate/stages/internal/backend"
)

func TestOpenOldPlugin(t *testing.T) {
	dir := t.TempDir()
	library(t, filepath.Join(dir, "pjrt_c_api_cpu_plugin.so"), "12", "40")
	quarantine(t)
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", dir)
	_, err := backend.Open("xla:cpu", 1)
	if err == nil || !strings.Contains(err.Error(), "too old: its version 0.12 of the PJRT interface has 40 functions, but 97 are needed") {
		t.Errorf("Open = %v", err)
	}
}

func TestOpenNoPlugin(t *testing.T) {
	quarantine(t)
	if _, err := backend.Open("xla:cpu", 1); err == nil || !strings.Contains(err.Error(), "no PJRT plugin") {
		t.Errorf("Open = %v", err)
	}
}

func TestOpenNoDriver(t *testing.T) {
	root := t.TempDir()
	wheels(t, root)
	quarantine(t)
	t.Setenv("VIRTUAL_ENV", root)
	for _, s := range backend.Survey() {
		if s.Name == "xla:cuda" && s.API != "0.72" {
			t.Errorf("API = %q, want 0.72", s.API)
		}
		if s.Name == "xla:cuda" && s.Usable {
			t.Skip("this machine has a driver")
		}
	}
	if _, err := backend.Open("xla:cuda", 1); err == nil || !strings.Contains(err.Error(), "no NVIDIA driver") {
		t.Errorf("Open = %v", err)
	}
}
