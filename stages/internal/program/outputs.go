package program

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"ablate/cache/fsys"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/stages/record"
)

// outputName matches names that work for artifacts and for files on any system.
var outputName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// ValidateOutputs checks the names of declared outputs. reserved are the names of
// the outputs that the stage makes by itself.
func ValidateOutputs(names []string, reserved ...string) diag.List {
	var list diag.List
	for i, name := range names {
		switch {
		case slices.Contains(reserved, name):
			list = append(list, diag.Errorf(diag.Path{"outputs"}, "Reserved name",
				"The stage itself makes an output named %q. Choose another name; reserved are %s.", name, strings.Join(reserved, ", "))...)
		case !outputName.MatchString(name):
			list = append(list, diag.Errorf(diag.Path{"outputs"}, "Invalid output name",
				"%q cannot be the name of an output: use letters, digits, dots, dashes and underscores, and begin with a letter or digit.", name)...)
		case slices.Contains(names[:i], name):
			list = append(list, diag.Errorf(diag.Path{"outputs"}, "Duplicate output", "The output %q is declared twice.", name)...)
		}
	}
	return list
}

// Promises lists the declared outputs.
func (s Spec) Promises() []pipeline.Output {
	out := make([]pipeline.Output, len(s.Outputs))
	for i, name := range s.Outputs {
		out[i] = pipeline.Output{Name: name, MediaType: MediaType(name)}
	}
	return out
}

// MediaType returns the media type of a file by the ending of its name.
func MediaType(name string) string {
	types := map[string]string{
		".csv": "text/csv", ".json": "application/json", ".jsonl": "application/jsonl", ".md": "text/markdown",
		".png": "image/png", ".svg": "image/svg+xml", ".txt": "text/plain",
	}
	if t := types[filepath.Ext(name)]; t != "" {
		return t
	}
	return "application/octet-stream"
}

// collect stores the outputs: exactly those that were declared. printed is the end of what
// the program printed.
func (s Spec) collect(env *pipeline.Env, dir Scratch, metrics string, printed *Tail) error {
	made, err := os.ReadDir(dir.path(outputsFolder))
	if err != nil {
		return fmt.Errorf("listing the outputs: %w", err)
	}
	for _, f := range made {
		if !slices.Contains(s.Outputs, f.Name()) {
			return diag.Errorf(diag.Path{"outputs"}, "Undeclared output",
				"The program made %q in its folder %s, but outputs does not list it. Declare it, or write it elsewhere.", f.Name(), outputsFolder).Err()
		}
		if !f.Type().IsRegular() {
			return diag.Errorf(diag.Path{"outputs"}, "Output is not a file", "The output %q must be a regular file, not a folder or a link.", f.Name()).Err()
		}
	}
	for _, name := range s.Outputs {
		err := storeFile(env, name, dir.path(outputsFolder, name))
		if errors.Is(err, os.ErrNotExist) {
			return diag.Errorf(diag.Path{"outputs"}, "Missing output", "The program exited with status 0 but made no file %q in its folder %s.", name, outputsFolder).Err()
		}
		if err != nil {
			return err
		}
	}
	if metrics == "" {
		return nil
	}
	return s.collectMetrics(env, dir, metrics, printed)
}

// storeFile stores one file as an output.
func storeFile(env *pipeline.Env, name, file string) error {
	f, err := fsys.OpenRegular(file)
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := env.Create(name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, f); err != nil {
		return fmt.Errorf("storing %s: %w", name, err)
	}
	return w.Close()
}

// rowExample shows the format of metrics in messages.
const rowExample = `{"step": 10, "name": "val_loss", "value": 2.5}`

func (s Spec) collectMetrics(env *pipeline.Env, dir Scratch, name string, printed *Tail) error {
	rows, err := readMetrics(dir)
	if none := err == nil && rows.empty(); none && s.Metrics != nil {
		return s.Metrics.nothing(printed)
	} else if none {
		return diag.Errorf(diag.Path{"argv"}, "No metrics",
			"The program exited with status 0 but logged no metrics. Append one value per line to the file named by ABLATE_METRICS: %s.", rowExample).Err()
	}
	if err != nil {
		return err
	}
	w, err := env.Create(name)
	if err != nil {
		return err
	}
	if err := record.Write(w, rows.reported(env.Warn)); err != nil {
		return fmt.Errorf("storing the metrics: %w", err)
	}
	return w.Close()
}
