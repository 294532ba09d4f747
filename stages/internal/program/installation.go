package program

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ablate/cache/fsys"
)

// systemFolders belong to the machine: no study declares their files one by one.
var systemFolders = []string{"/bin", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/proc", "/run", "/sbin", "/sys", "/usr", "/var/lib", "/var/run"}

// installations are the folders of the interpreters and tools that a program
// started. Their files are installed software, which a lock file stands for.
type installations struct {
	study        string
	folders      []string
	environments []string // virtual environments: their packages are the study's choice
}

func newInstallations(study string) *installations { return &installations{study: study} }

// add notes an executed file. A tool is installed when its file is machine code
// in a folder bin, as an interpreter's; the library of an interpreter lies beside
// that folder. A script is the user's own program wherever it lies, except for
// the shims of version managers, and so is everything in the study's folder that
// is not a virtual environment.
func (in *installations) add(program string) {
	for _, path := range []string{program, resolved(program)} {
		folder := filepath.Dir(path)
		tree := filepath.Dir(folder)
		switch bin := filepath.Base(folder); {
		case tree == "/":
		case bin == "bin" && isEnvironment(tree):
			in.environments = append(in.environments, tree)
		case within(tree, in.study):
		case bin == "shims" || bin == "bin" && !isScript(path):
			in.folders = append(in.folders, tree)
		}
	}
}

// has reports whether a file is installed software, which studies do not declare.
func (in *installations) has(file string) bool {
	inside := func(folder string) bool { return within(file, folder) }
	if slices.ContainsFunc(in.environments, inside) {
		return !strings.Contains(file, sitePackages)
	}
	return slices.ContainsFunc(systemFolders, inside) || slices.ContainsFunc(in.folders, inside)
}

// isEnvironment reports whether a folder is a virtual environment of Python's or
// conda's.
func isEnvironment(tree string) bool {
	for _, mark := range []string{"pyvenv.cfg", "conda-meta"} {
		if _, err := os.Stat(filepath.Join(tree, mark)); err == nil {
			return true
		}
	}
	return false
}

// isScript reports whether an executable file is text that names its interpreter.
func isScript(path string) bool {
	f, err := fsys.OpenRegular(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 2)
	_, err = io.ReadFull(f, head)
	return err == nil && bytes.Equal(head, []byte("#!"))
}

// resolved follows links where it can.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}
