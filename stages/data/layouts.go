package data

import (
	"fmt"
	"path"
	"strings"
)

// Files that describe a run.
const (
	hydraConfig         = ".hydra/config.yaml"
	hydraOverrides      = ".hydra/overrides.yaml"
	lightningParameters = "hparams.yaml"
)

var configNames = []string{"config.json", "config.yaml", "config.yml"}

// readHydra reads a run of Hydra: the composed configuration, and from the
// overrides the choices of groups, such as optimizer=adam.
func readHydra(r *folderRun) error {
	if err := r.readParameters(hydraConfig); err != nil {
		return err
	}
	if _, ok := r.files[hydraOverrides]; ok {
		text, err := r.text(hydraOverrides)
		if err != nil {
			return err
		}
		overrides, err := yamlList(text)
		if err != nil {
			return fmt.Errorf("%s: %w", hydraOverrides, err)
		}
		r.add(overridden(overrides))
	}
	return r.readMetrics()
}

// overridden are the parameters that overrides set. A group may be placed
// elsewhere, as in db@backup=mysql.
func overridden(overrides []string) map[string]cell {
	out := make(map[string]cell)
	for _, o := range overrides {
		name, value, ok := strings.Cut(strings.TrimLeft(o, "+"), "=")
		if ok && !strings.HasPrefix(name, "~") {
			out[strings.ReplaceAll(name, "/", ".")] = cell{textual, value}
		}
	}
	return out
}

// readLightning reads a version of Lightning's CSVLogger.
func readLightning(r *folderRun) error {
	if err := r.readParameters(lightningParameters); err != nil {
		return err
	}
	return r.readMetrics()
}

// readConfig reads a folder that has a configuration and metrics.
func readConfig(r *folderRun) error {
	found := ""
	for _, name := range configNames {
		if _, ok := r.files[name]; !ok {
			continue
		}
		if found != "" {
			return fmt.Errorf("it has both %s and %s; name one of them in exclude", found, name)
		}
		if found = name; r.files[name].size == 0 {
			return fmt.Errorf("%s is empty", name)
		}
		if err := r.readParameters(name); err != nil {
			return err
		}
	}
	return r.readMetrics()
}

// readParameters reads a configuration, if the run has it.
func (r *folderRun) readParameters(rel string) error {
	if _, ok := r.files[rel]; !ok {
		return nil
	}
	text, err := r.text(rel)
	if err != nil {
		return err
	}
	read := yamlParameters
	if path.Ext(rel) == ".json" {
		read = jsonParameters
	}
	parameters, err := read(text)
	if err != nil {
		return fmt.Errorf("%s: %w", rel, err)
	}
	r.add(parameters)
	return nil
}
