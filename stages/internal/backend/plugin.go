package backend

import (
	"cmp"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Plugin is a PJRT plugin: a shared library with XLA for one platform.
type Plugin struct {
	Path     string            `json:"path"`     // the file that is loaded
	Origin   string            `json:"origin"`   // the file that Path links to
	Found    string            `json:"found_by"` // the environment variable or program that led to it
	Versions map[string]string `json:"versions"` // of its wheels, or the file's digest as "sha256"
}

// pluginVariable lists folders with plugins, separated by colons.
const pluginVariable = "PJRT_PLUGIN_LIBRARY_PATH"

// pluginEnvironment lists the variables that decide which plugin is found.
var pluginEnvironment = []string{pluginVariable, "VIRTUAL_ENV", "CONDA_PREFIX", "PATH", "XDG_CACHE_HOME", "HOME"}

// FindPlugin looks for the plugin of "xla:cpu" or "xla:cuda" in the folders of
// PJRT_PLUGIN_LIBRARY_PATH, then for CUDA in JAX's wheels in the active Python
// environment. It downloads nothing. The error lists the places searched.
func FindPlugin(name string) (Plugin, error) {
	platform := strings.TrimPrefix(name, "xla:")
	var p Plugin
	var missed []string
	find := func(search func() (Plugin, error)) bool {
		found, err := search()
		if err != nil {
			missed = append(missed, err.Error())
			return false
		}
		p = found
		return true
	}
	ok := find(func() (Plugin, error) { return listedPlugin(platform) })
	if platform == "cuda" {
		ok = ok || find(wheelPlugin)
	}
	if !ok {
		return Plugin{}, fmt.Errorf("no PJRT plugin for %q found: %s. %s", name, strings.Join(missed, "; "), remedies[platform])
	}
	if err := checkLibrary(p.Path); err != nil {
		return Plugin{}, fmt.Errorf("%s, found by %s, is not a PJRT plugin: %w", p.Path, p.Found, err)
	}
	return p, nil
}

var remedies = map[string]string{
	"cuda": `Activate a Python environment with JAX (pip install "jax[cuda12]"), or set ` + pluginVariable + " to the plugin's folder",
	"cpu":  "JAX's wheels have none for the CPU. Set " + pluginVariable + " to a folder with pjrt_c_api_cpu_plugin.so",
}

// listedPlugin searches the folders of PJRT_PLUGIN_LIBRARY_PATH.
func listedPlugin(platform string) (Plugin, error) {
	list := os.Getenv(pluginVariable)
	if list == "" {
		return Plugin{}, errors.New(pluginVariable + " is not set")
	}
	for _, dir := range filepath.SplitList(list) {
		for _, pattern := range []string{"pjrt_c_api_%s_plugin.so", "pjrt_c_api_%s_v*_plugin.so", "pjrt_plugin_%s.so", "pjrt-plugin-%s.so"} {
			found := glob(cmp.Or(dir, "."), fmt.Sprintf(pattern, platform))
			if len(found) == 0 {
				continue
			}
			path, err := filepath.Abs(found[len(found)-1])
			if err != nil {
				return Plugin{}, fmt.Errorf("finding the absolute path of %s: %w", found[0], err)
			}
			digest, err := digestFile(path)
			if err != nil {
				return Plugin{}, err
			}
			origin, _ := filepath.EvalSymlinks(path)
			return Plugin{Path: path, Origin: origin, Found: pluginVariable, Versions: map[string]string{"sha256": digest}}, nil
		}
	}
	return Plugin{}, fmt.Errorf("%s is %s, which has no pjrt_c_api_%s_plugin.so", pluginVariable, list, platform)
}

// glob lists the files in a folder that match a well-formed pattern. The folder's own
// name may have wildcards.
func glob(dir, pattern string) []string {
	found, _ := fs.Glob(os.DirFS(dir), pattern)
	for i, name := range found {
		found[i] = filepath.Join(dir, name)
	}
	return found
}

// wheelPlugin searches JAX's wheels in the active Python environment.
func wheelPlugin() (Plugin, error) {
	var looked []string
	for _, site := range sitePackages() {
		found := glob(site.dir, "jax_plugins/xla_cuda*/xla_cuda_plugin.so")
		if len(found) == 0 {
			looked = append(looked, site.dir)
			continue
		}
		origin := found[len(found)-1]
		path, err := linkPlugin(origin, filepath.Join(site.dir, "nvidia"))
		if err != nil {
			return Plugin{}, fmt.Errorf("linking to JAX's plugin %s: %w", origin, err)
		}
		return Plugin{Path: path, Origin: origin, Found: site.by, Versions: wheelVersions(site.dir)}, nil
	}
	if len(looked) == 0 {
		return Plugin{}, errors.New("no Python environment found")
	}
	return Plugin{}, fmt.Errorf("no jax_plugins/xla_cuda* in %s", strings.Join(looked, ", "))
}

// site is a folder of installed wheels, and the variable or program that led to it.
type site struct{ dir, by string }

// sitePackages lists the folders of the active environment, or else those of
// python3.
func sitePackages() []site {
	var out []site
	for _, variable := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if root := os.Getenv(variable); root != "" {
			for _, dir := range glob(root, "lib/python3*/site-packages") {
				out = append(out, site{dir, variable})
			}
		}
	}
	if len(out) > 0 {
		return out
	}
	const ask = "import site; print('\\n'.join([*site.getsitepackages(), site.getusersitepackages()]))"
	answer, err := exec.Command("python3", "-c", ask).Output()
	if err != nil {
		return nil // there is no Python
	}
	for line := range strings.Lines(string(answer)) {
		out = append(out, site{strings.TrimSpace(line), "python3"})
	}
	return out
}

// linkPlugin makes a private folder with links to a plugin and to NVIDIA's libraries.
// The plugin looks for them in ../nvidia, relative to its own path, and go-xla tells
// the platform from the name of the file.
func linkPlugin(plugin, nvidia string) (string, error) {
	caches, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	id := sha256.Sum256([]byte(plugin + "\x00" + nvidia))
	root := filepath.Join(caches, "ablate", "pjrt", fmt.Sprintf("%x", id[:6]))
	if err := os.MkdirAll(filepath.Join(root, "lib"), 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(root, "lib", "pjrt_c_api_cuda_plugin.so")
	if err := link(plugin, path); err != nil {
		return "", err
	}
	if _, err := os.Stat(nvidia); err != nil {
		return path, nil // the system has the libraries
	}
	return path, link(nvidia, filepath.Join(root, "nvidia"))
}

// link makes path a link to target. Several processes may do so at the same time.
func link(target, path string) error {
	if now, err := os.Readlink(path); err == nil && now == target {
		return nil
	}
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.Symlink(target, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// wheelVersions returns the versions of JAX's and NVIDIA's wheels.
func wheelVersions(dir string) map[string]string {
	versions := make(map[string]string)
	for _, vendor := range []string{"jax", "nvidia_"} {
		for _, info := range glob(dir, vendor+"*.dist-info") {
			name, version, ok := strings.Cut(strings.TrimSuffix(filepath.Base(info), ".dist-info"), "-")
			if ok {
				versions[name] = version
			}
		}
	}
	return versions
}

// checkLibrary returns an error for a file that is not a plugin. It does not load
// it.
func checkLibrary(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("not a shared library (%w)", err)
	}
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("it exports no symbols (%w)", err)
	}
	for _, s := range symbols {
		if s.Name == "GetPjrtApi" && s.Section != elf.SHN_UNDEF {
			return nil
		}
	}
	return errors.New("it does not export GetPjrtApi")
}

func digestFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

// versionList formats versions, sorted by name.
func versionList(versions map[string]string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		out = append(out, name+"@"+versions[name])
	}
	return out
}
