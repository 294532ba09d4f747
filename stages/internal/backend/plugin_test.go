package backend_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ablate/stages/internal/backend"
)

// wild is the name of a folder that globs take for a pattern.
const wild = "a [b] {c,d}*"

// quarantine sets up an environment without plugin, Python and driver.
func quarantine(t *testing.T) (bin string) {
	t.Helper()
	bin = t.TempDir()
	for name, value := range map[string]string{
		"PJRT_PLUGIN_LIBRARY_PATH": "", "VIRTUAL_ENV": "", "CONDA_PREFIX": "",
		"PATH": bin, "XDG_CACHE_HOME": t.TempDir(), "HOME": t.TempDir(),
	} {
		t.Setenv(name, value)
	}
	return bin
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

// library compiles a plugin whose interface has the given version and number of
// functions, all of which do nothing.
func library(t *testing.T, path string, minor, functions string) {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler")
	}
	src := filepath.Join(t.TempDir(), "plugin.c")
	write(t, src, `
#include <stddef.h>
static void *nothing(void *args) { return 0; }
static struct {
  size_t size; void *extensions;
  struct { size_t size; void *extensions; int major, minor; } version;
  void *(*function[200])(void *);
} api = { 40 + 8 * `+functions+`, 0, {24, 0, 0, `+minor+`}, {0} };
const void *GetPjrtApi(void) { for (int i = 0; i < 200; i++) api.function[i] = nothing; return &api; }
`)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(cc, "-shared", "-fPIC", "-o", path, src).CombinedOutput(); err != nil {
		t.Fatalf("compiling a plugin: %v\n%s", err, out)
	}
}

// wheels lays out site-packages as JAX's wheels do.
func wheels(t *testing.T, root string) string {
	t.Helper()
	dir := filepath.Join(root, "lib", "python3.12", "site-packages")
	library(t, filepath.Join(dir, "jax_plugins", "xla_cuda12", "xla_cuda_plugin.so"), "72", "130")
	for _, name := range []string{"nvidia/cudnn/lib/libcudnn.so.9", "jax-0.7.0.dist-info/METADATA",
		"jax_cuda12_pjrt-0.7.0.dist-info/METADATA", "nvidia_cudnn_cu12-9.10.2.21.dist-info/METADATA", "numpy-2.3.0.dist-info/METADATA"} {
		write(t, filepath.Join(dir, name), "")
	}
	return dir
}

func TestFindPluginInWheels(t *testing.T) {
	for _, variable := range []string{"VIRTUAL_ENV", "CONDA_PREFIX", "python3"} {
		t.Run(variable, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), wild)
			dir := wheels(t, root)
			bin := quarantine(t)
			if variable == "python3" {
				write(t, filepath.Join(bin, "python3"), "#!/bin/sh\necho /nowhere\necho '"+dir+"'\n")
			} else {
				t.Setenv(variable, root)
			}
			for range 2 { // the second time the links exist
				p, err := backend.FindPlugin("xla:cuda")
				if err != nil {
					t.Fatal(err)
				}
				if p.Found != variable {
					t.Errorf("Found = %s, want %s", p.Found, variable)
				}
				want := map[string]string{"jax": "0.7.0", "jax_cuda12_pjrt": "0.7.0", "nvidia_cudnn_cu12": "9.10.2.21"}
				if !maps.Equal(p.Versions, want) {
					t.Errorf("Versions = %v, want %v", p.Versions, want)
				}
				if filepath.Base(p.Path) != "pjrt_c_api_cuda_plugin.so" || p.Origin != filepath.Join(dir, "jax_plugins/xla_cuda12/xla_cuda_plugin.so") {
					t.Errorf("found %s, a link to %s", p.Path, p.Origin)
				}
				beside := filepath.Join(filepath.Dir(p.Path), "..", "nvidia", "cudnn", "lib", "libcudnn.so.9")
				if _, err := os.Stat(beside); err != nil {
					t.Errorf("the plugin cannot find NVIDIA's libraries: %v", err)
				}
			}
			class := backend.Class("xla:cuda", backend.Numerics{})
			for _, part := range []string{"xla:cuda", "jax_cuda12_pjrt@0.7.0", "nvidia_cudnn_cu12@9.10.2.21"} {
				if !strings.Contains(class, part) {
					t.Errorf("class %q lacks %s", class, part)
				}
			}
		})
	}
}

func TestFindPluginListedFirst(t *testing.T) {
	root, listed := t.TempDir(), filepath.Join(t.TempDir(), wild)
	wheels(t, root)
	library(t, filepath.Join(listed, "pjrt_c_api_cuda_plugin.so"), "72", "130")
	library(t, filepath.Join(listed, "pjrt_c_api_cpu_v0.114.0_plugin.so"), "72", "130")
	quarantine(t)
	t.Setenv("VIRTUAL_ENV", root)
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", t.TempDir()+":"+listed)
	for name, file := range map[string]string{"xla:cuda": "pjrt_c_api_cuda_plugin.so", "xla:cpu": "pjrt_c_api_cpu_v0.114.0_plugin.so"} {
		p, err := backend.FindPlugin(name)
		if err != nil {
			t.Fatal(err)
		}
		if p.Path != filepath.Join(listed, file) || len(p.Versions["sha256"]) != 64 {
			t.Errorf("%s: found %+v", name, p)
		}
	}
}

func TestFindPluginErrors(t *testing.T) {
	for _, test := range []struct {
		name, backend string
		prepare       func(t *testing.T)
		want          []string
	}{
		{"nothing anywhere", "xla:cuda", func(*testing.T) {}, []string{"PJRT_PLUGIN_LIBRARY_PATH is not set", "no Python environment found", `pip install "jax[cuda12]"`}},
		{"an environment without JAX", "xla:cuda", func(t *testing.T) {
			root := t.TempDir()
			write(t, filepath.Join(root, "lib/python3.12/site-packages/numpy/__init__.py"), "")
			t.Setenv("VIRTUAL_ENV", root)
		}, []string{"no jax_plugins/xla_cuda* in ", "python3.12/site-packages"}},
		{"a folder without plugins", "xla:cpu", func(t *testing.T) { t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", "/nowhere") },
			[]string{"/nowhere, which has no pjrt_c_api_cpu_plugin.so"}},
		{"a text file", "xla:cpu", func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "pjrt_c_api_cpu_plugin.so"), "not a library")
			t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", dir)
		}, []string{"is not a PJRT plugin: not a shared library"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			quarantine(t)
			test.prepare(t)
			_, err := backend.FindPlugin(test.backend)
			if err == nil {
				t.Fatal("FindPlugin found one")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
		})
	}
}

func TestFindPluginOtherLibrary(t *testing.T) {
	dir, src := t.TempDir(), filepath.Join(t.TempDir(), "other.c")
	write(t, src, "int other(void) { return 0; }")
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", filepath.Join(dir, "pjrt_c_api_cpu_plugin.so"), src).CombinedOutput(); err != nil {
		t.Skipf("no C compiler: %v %s", err, out)
	}
	quarantine(t)
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", dir)
	if _, err := backend.FindPlugin("xla:cpu"); err == nil || !strings.Contains(err.Error(), "does not export GetPjrtApi") {
		t.Errorf("FindPlugin = %v", err)
	}
}

// TestDevices reads devices and memory from nvidia-smi.
func TestDevices(t *testing.T) {
	bin := quarantine(t)
	write(t, filepath.Join(bin, "nvidia-smi"), "#!/bin/sh\necho 'NVIDIA H200, 143771, 570.86.15'\necho 'NVIDIA H100 80GB HBM3, 81559, 570.86.15'\n")
	if got := backend.Memory("xla:cuda"); got != 81559<<20 {
		t.Errorf("Memory = %d, want the smaller device's", got)
	}
	if got := backend.Memory("go"); got != 0 {
		t.Errorf("Memory(go) = %d, want 0 for unknown", got)
	}
	class := backend.Class("xla:cuda", backend.Numerics{})
	for _, want := range []string{"device=NVIDIA H200", "device=NVIDIA H100 80GB HBM3", "driver=570.86.15"} {
		if !strings.Contains(class, want) {
			t.Errorf("class %q lacks %q", class, want)
		}
	}
}

func TestSurvey(t *testing.T) {
	quarantine(t)
	for _, s := range backend.Survey() {
		switch {
		case s.Name == "go":
			if !s.Usable || s.Problem != "" {
				t.Errorf("the Go backend is not usable: %s", s.Problem)
			}
		case s.Usable || !strings.Contains(s.Problem, "no PJRT plugin"):
			t.Errorf("%s without a plugin: %+v", s.Name, s)
		case s.Name == "xla:cuda" && !strings.Contains(s.Problem, "no NVIDIA driver"):
			t.Skip("this machine has a driver")
		}
	}
}
