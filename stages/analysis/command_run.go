package analysis

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"ablate/cache/fsys"
	"ablate/hcl/diag"
	"ablate/pipeline"
	"ablate/pipeline/process"
	"ablate/stages/analysis/internal/render"
	"ablate/stages/internal/program"
)

// Limits of what a report shows, and so holds in memory.
const (
	maxPrinted = 8 << 20
	maxPicture = 16 << 20
)

// Run implements pipeline.Stage.
func (c *Command) Run(ctx context.Context, env *pipeline.Env) error {
	scratch, err := program.NewScratch(env.Key)
	if err != nil {
		return err
	}
	defer scratch.Remove()
	if err := c.prepare(env, scratch.Dir); err != nil {
		return err
	}
	printed, err := c.run(ctx, scratch.Dir)
	if err != nil {
		return err
	}
	return c.keep(env, scratch.Dir, printed)
}

// prepare puts the tables and the declared files into the folder.
func (c *Command) prepare(env *pipeline.Env, dir string) error {
	trials, metrics, err := commandTables(env)
	if err != nil {
		return err
	}
	tables := map[string][][]string{program.TrialsTable: trials, program.MetricsTable: metrics}
	for _, name := range sortedKeys(tables) {
		text, err := render.CSV(tables[name])
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	files, err := c.expand(env.Inputs.Sources)
	if err != nil {
		return err
	}
	for i, path := range files {
		r, err := env.Inputs.Sources.Open(path)
		if err == nil {
			err = program.CopyTo(filepath.Join(dir, c.Files[i]), r)
		}
		if err != nil {
			return fmt.Errorf("copying %s: %w", path, err)
		}
	}
	return nil
}

// run starts the program, and returns what it printed.
func (c *Command) run(ctx context.Context, dir string) ([]byte, error) {
	name := c.Command[0]
	if strings.Contains(name, "/") && !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	cmd := exec.CommandContext(ctx, name, c.Command[1:]...)
	cmd.Dir, cmd.SysProcAttr = dir, process.BoundGroup()
	cmd.Cancel = func() error {
		process.SignalGroup(cmd.Process.Pid, syscall.SIGKILL)
		return nil
	}
	const grace = 5 * time.Second // for a program whose children keep its output open
	cmd.WaitDelay = grace
	for _, name := range append(slices.Clone(program.Inherited), "TMPDIR") {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C.UTF-8")
	for _, name := range sortedKeys(c.Environment) {
		cmd.Env = append(cmd.Env, name+"="+c.Environment[name])
	}
	var printed printed
	var complaints program.Tail
	cmd.Stdout, cmd.Stderr = &printed, &complaints
	wait, err := process.Start(cmd)
	if err == nil {
		err = wait()
		process.SignalGroup(cmd.Process.Pid, syscall.SIGKILL) // what it left running
	}
	switch {
	case printed.full:
		return nil, diag.Errorf(diag.Path{"command"}, "Too much text", "%s printed more than %d MiB. Write it to a file, and list the file in outputs.", strings.Join(c.Command, " "), maxPrinted>>20).Err()
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, diag.Errorf(diag.Path{"command"}, "The program failed", "%s: %v%s", strings.Join(c.Command, " "), err, complaints.LastLines()).Err()
	}
	return printed.text.Bytes(), nil
}

// printed is what a program prints, up to a limit.
type printed struct {
	text bytes.Buffer
	full bool
}

// Write implements io.Writer.
func (p *printed) Write(b []byte) (int, error) {
	if p.text.Len()+len(b) > maxPrinted {
		p.full = true
		return 0, errors.New("too much text")
	}
	return p.text.Write(b)
}

// keep stores what was printed and the declared outputs.
func (c *Command) keep(env *pipeline.Env, dir string, printed []byte) error {
	text := string(printed)
	var body strings.Builder
	if text != "" {
		body.WriteString("<pre>" + template.HTMLEscapeString(text) + "</pre>\n")
	}
	for _, name := range c.Outputs {
		if err := keepOutput(env, dir, name, &body); err != nil {
			return err
		}
	}
	texts := map[string]string{"table": text, "html": body.String(), "markdown": "```\n" + strings.TrimRight(text, "\n") + "\n```\n"}
	for _, name := range sortedKeys(texts) {
		if err := storeFrom(env, name, strings.NewReader(texts[name])); err != nil {
			return err
		}
	}
	return nil
}

// keepOutput stores a file that the program left, and shows a picture on the page.
func keepOutput(env *pipeline.Env, dir, name string, page *strings.Builder) error {
	file := filepath.Join(dir, name)
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return diag.Errorf(diag.Path{"outputs"}, "Output missing", "The program succeeded but left no file %q in its folder.", name).Err()
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return diag.Errorf(diag.Path{"outputs"}, "Output is not a file", "The output %q must be a regular file, not a folder or a link.", name).Err()
	}
	if t := program.MediaType(name); strings.HasPrefix(t, "image/") {
		if info.Size() > maxPicture {
			return diag.Errorf(diag.Path{"outputs"}, "Picture too large", "The picture %q is larger than %d MiB, the limit for reports.", name, maxPicture>>20).Err()
		}
		if err := addPicture(page, file, name, t); err != nil {
			return err
		}
	}
	f, err := fsys.OpenRegular(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return storeFrom(env, name, f)
}

func storeFrom(env *pipeline.Env, name string, from io.Reader) error {
	w, err := env.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, from)
	return errors.Join(err, w.Close())
}

// addPicture adds an output to the page, as a picture: a script inside of it would
// not run.
func addPicture(page *strings.Builder, file, name, mediaType string) error {
	raw, err := fsys.ReadRegular(file, maxPicture)
	if err != nil {
		return err
	}
	fmt.Fprintf(page, "<figure class=\"figure\"><img alt=\"%s\" src=\"data:%s;base64,%s\"></figure>\n",
		template.HTMLEscapeString(name), mediaType, base64.StdEncoding.EncodeToString(raw))
	return nil
}
