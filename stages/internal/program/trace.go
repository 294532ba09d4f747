package program

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// trace watches which files a program reads, with strace.
type trace struct {
	strace string
	file   string
}

// trace is nil where none is asked for or possible.
func (p *process) trace() *trace {
	if !p.env.Trace {
		return nil
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		p.env.Warn("nothing was traced: there is no strace on the PATH")
		return nil
	}
	return &trace{strace: strace, file: p.dir.path(temporary, "ablate-trace")}
}

// argv wraps the program: successful opens and starts, also of its children,
// with the paths that they lead to.
func (t *trace) argv(argv []string) []string {
	return append([]string{t.strace, "-f", "-qq", "-y", "-z", "-e", "trace=open,openat,openat2,execve", "-e", "signal=none", "-s", "0", "-o", t.file, "--"}, argv...)
}

// opened finds the path that a successful open led to, executed that of a
// program that was started.
var (
	opened   = regexp.MustCompile(`\bopen(?:at2?)?\(.*\) = \d+<([^>]*)>$`)
	executed = regexp.MustCompile(`\bexecve\("(/[^"]*)"`)
)

// report warns of what was read and not declared.
func (t *trace) report(p *process) {
	f, err := os.Open(t.file)
	if err != nil {
		p.env.Warn(fmt.Sprintf("nothing was traced: %v", err))
		return
	}
	defer f.Close()
	read := make(map[string]bool)
	homes := slices.Clone(systemFolders)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if m := executed.FindStringSubmatch(line); m != nil {
			homes = append(homes, installation(m[1])...)
		}
		if m := opened.FindStringSubmatch(line); m != nil && reads(line) {
			read[m[1]] = true
		}
	}
	for _, text := range p.undeclared(read, homes) {
		p.env.Warn(text)
	}
}

// reads reports whether an open is for reading a file.
func reads(line string) bool {
	return !strings.Contains(line, "O_DIRECTORY") && !strings.Contains(line, "O_WRONLY") && !strings.Contains(line, "O_PATH")
}

// systemFolders belong to the machine: nobody declares them file by file.
var systemFolders = []string{"/bin", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/proc", "/run", "/sbin", "/sys", "/usr", "/var/lib", "/var/run"}

// installation is the tree that a program belongs to: an interpreter's own
// library lies beside its bin folder, version managers put shims before it.
func installation(program string) []string {
	var out []string
	real, err := filepath.EvalSymlinks(program)
	if err != nil {
		real = program
	}
	for _, p := range []string{program, real} {
		folder := filepath.Dir(p)
		if tree, kind := filepath.Dir(folder), filepath.Base(folder); (kind == "bin" || kind == "shims") && tree != "/" {
			out = append(out, tree)
		}
	}
	return append(out, real)
}

// undeclared says which files were read that no declaration covers, and what to
// do about it.
func (p *process) undeclared(read map[string]bool, homes []string) []string {
	study := p.env.Inputs.Study.Dir
	packages := make(map[string]int)
	var own, foreign []string
	for file := range read {
		info, err := os.Stat(file)
		switch {
		case within(file, p.dir.dir) || slices.ContainsFunc(homes, func(home string) bool { return within(file, home) }):
		case err != nil || !info.Mode().IsRegular():
		case strings.Contains(file, "/site-packages/"):
			packages[file[:strings.Index(file, "/site-packages/")+len("/site-packages")]]++
		case within(file, study):
			rel, _ := filepath.Rel(study, file) // it is within
			own = append(own, rel)
		default:
			foreign = append(foreign, file)
		}
	}
	var out []string
	if len(own) > 0 {
		out = append(out, "it reads files of the study that are not declared, so a change of them retrains nothing: add to files "+list(own))
	}
	if len(foreign) > 0 {
		out = append(out, "it reads files that no stage declares, so a change of them retrains nothing: let a data stage hold what matters of "+list(foreign))
	}
	for _, folder := range sortedKeys(packages) {
		out = append(out, fmt.Sprintf("it reads %d files of packages in %s: name their lock file in environment, so that another version counts", packages[folder], folder))
	}
	return out
}

func within(file, folder string) bool {
	return folder != "" && (file == folder || strings.HasPrefix(file, folder+string(filepath.Separator)))
}

// list names some files, sorted.
func list(files []string) string {
	const most = 8
	slices.Sort(files)
	quoted := make([]string, 0, most)
	for _, f := range files[:min(most, len(files))] {
		quoted = append(quoted, fmt.Sprintf("%q", f))
	}
	text := strings.Join(quoted, ", ")
	if n := len(files) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}
