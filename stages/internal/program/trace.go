package program

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// trace records with strace which files a program reads.
type trace struct {
	strace string
	file   string
}

// trace returns nil when tracing is not asked for or not possible.
func (p *call) trace() *trace {
	if !p.env.Trace {
		return nil
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		p.env.Warn("--trace has no effect: strace is not on the PATH")
		return nil
	}
	return &trace{strace: strace, file: p.dir.path(temporary, "ablate-trace")}
}

// argv wraps the program. strace records successful opens and executions, also of
// child processes, with the paths that they lead to.
func (t *trace) argv(argv []string) []string {
	return append([]string{t.strace, "-f", "-qq", "-y", "-z", "-e", "trace=open,openat,openat2,execve", "-e", "signal=none", "-s", "0", "-o", t.file, "--"}, argv...)
}

// openedPath finds the path that a successful open led to, executedPath that of a
// program that was started.
var (
	openedPath   = regexp.MustCompile(`\bopen(?:at2?)?\(.*\) = \d+<([^>]*)>$`)
	executedPath = regexp.MustCompile(`\bexecve\("(/[^"]*)"`)
)

// compiledPath finds the source of a module that Python reads in its compiled form.
var compiledPath = regexp.MustCompile(`^(.*/)__pycache__/([^/.]+)\.[^/]+\.pyc$`)

// report warns of files that were read but not declared.
func (t *trace) report(p *call) {
	f, err := os.Open(t.file)
	if err != nil {
		p.env.Warn(fmt.Sprintf("--trace has no effect: %v", err))
		return
	}
	defer f.Close()
	study, own := resolved(p.env.Inputs.Study.Dir), resolved(p.dir.Dir) // as strace names them
	read, installed := make(map[string]bool), newInstallations(study)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if m := executedPath.FindStringSubmatch(line); m != nil {
			read[resolved(m[1])] = true
			installed.add(m[1])
		}
		if m := openedPath.FindStringSubmatch(line); m != nil && isRead(line) {
			read[compiledPath.ReplaceAllString(m[1], "$1$2.py")] = true
		}
	}
	if err := lines.Err(); err != nil {
		p.env.Warn(fmt.Sprintf("--trace lists only part of what the program reads: %v", err))
	}
	u := undeclared{declared: make(map[string]bool), packages: make(map[string]int)}
	declared, _, _ := p.spec.files(p.env.Inputs) // they were copied
	for _, f := range declared {
		u.declared[resolved(f.path)] = true
	}
	for file := range read {
		if !within(file, own) {
			u.add(file, study, installed)
		}
	}
	for _, text := range u.warnings(len(p.spec.Environment) > 0) {
		p.env.Warn(text)
	}
}

// isRead reports whether an open is for reading a file.
func isRead(line string) bool {
	return !strings.Contains(line, "O_DIRECTORY") && !strings.Contains(line, "O_WRONLY") && !strings.Contains(line, "O_PATH")
}

// within reports whether a file is a folder or below it.
func within(file, folder string) bool {
	return folder != "" && (file == folder || strings.HasPrefix(file, folder+string(filepath.Separator)))
}
