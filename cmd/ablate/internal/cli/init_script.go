package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"ablate/cmd/ablate/internal/argparse"
	"ablate/hcl"
	"ablate/hcl/spec"
	"ablate/pipeline"
)

// scriptRequest asks for a study of a Python script. The script is run once, with --help.
type scriptRequest struct{ Script string }

// helpTime is how long a script may take to print its help: imports are slow.
const helpTime = 2 * time.Minute

func (r scriptRequest) do(ctx context.Context, s *session) error {
	if !filepath.IsLocal(r.Script) {
		return fmt.Errorf("%s is not below %s: go to the script's folder, or name it with --chdir", r.Script, s.dir)
	}
	if err := refuseStudy(s.dir); err != nil {
		return err
	}
	s.view().Note("Running python3 %s --help for its flags, for up to %.0f minutes.", r.Script, helpTime.Minutes())
	help, err := r.help(ctx, s.dir)
	if err != nil {
		return err
	}
	study, ok := argparse.Study(r.Script, help, attributesOfPrograms(s.app.Kinds))
	if !ok {
		return fmt.Errorf("the help of %s lists no flags: %s", r.Script, r.byHand())
	}
	text, list := hcl.Format("study.hcl", []byte(study))
	if err := list.Err(); err != nil {
		return fmt.Errorf("this is a bug in ablate: the study of %s does not parse: %w", r.Script, err)
	}
	if err := createFile(filepath.Join(s.dir, "study.hcl"), text, 0o644); err != nil {
		return err
	}
	varies := "Choose what varies in its matrix"
	if !strings.Contains(string(text), "\n  matrix {") {
		varies = "The script has no flag with choices and no --seed, so nothing varies yet: add a matrix with levels, and read them in parameters"
	}
	s.view().Text("Created study.hcl. " + varies + ". Say in metrics what the script prints, and continue with:\n\n    " + s.command("plan") + "\n")
	return nil
}

// help runs the script with --help, and returns what it prints.
func (r scriptRequest) help(ctx context.Context, dir string) (string, error) {
	if info, err := os.Stat(filepath.Join(dir, r.Script)); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a file in %s", r.Script, dir)
	}
	ctx, cancel := context.WithTimeout(ctx, helpTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", r.Script, "--help")
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, append(cmd.Environ(), "COLUMNS=200", "NO_COLOR=1", "TYPER_USE_RICH=0"), time.Second
	help, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case err == nil, errors.As(err, &exit) && strings.Contains(string(help), "Try --helpfull"): // absl exits with 1
		return string(help), nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("python3 %s --help did not end within %s: the script must parse its flags before it does anything else", r.Script, helpTime)
	case errors.As(err, &exit) && len(exit.Stderr) > 0:
		lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(string(exit.Stderr), "?")), "\n")
		return "", fmt.Errorf("python3 %s --help failed: %s: %s", r.Script, strings.TrimSpace(lines[len(lines)-1]), r.byHand())
	}
	return "", fmt.Errorf("python3 %s --help failed: %w: %s", r.Script, err, r.byHand())
}

// byHand says which scripts init reads, and how a study of another one passes settings.
func (r scriptRequest) byHand() string {
	return fmt.Sprintf("init needs a Python script that prints its flags with --help, as argparse does. If it has a parser of its own, "+
		"write the study by hand, with flags = \"hydra\" for Hydra, or with each setting in argv:\n\n"+
		"    argv = [\"python3\", \"%s\", \"--name=${matrix.name}\"]\n\nSee \"Other arguments\" in docs/pytorch.md.", r.Script)
}

// attributesOfPrograms lists the attributes of trials that are programs. A factor of such
// a name would set the attribute.
func attributesOfPrograms(kinds []pipeline.Kind) (names []string) {
	for _, k := range kinds {
		if k.Role == pipeline.Trial && k.Type == "command" {
			names = append(names, spec.Of(reflect.TypeOf(k.New())).Names()...)
		}
	}
	return names
}
