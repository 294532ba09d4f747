package program

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"ablate/cache"
	"ablate/hcl/diag"
	"ablate/pipeline"
)

// Lacks says that this machine does not have the program of a command line; "" if it has
// it, or if the program is a file of the study.
func Lacks(argv []string) string {
	if len(argv) == 0 || argv[0] == "" || ofStudy(argv[0]) {
		return ""
	}
	if _, err := exec.LookPath(argv[0]); err != nil {
		if filepath.IsAbs(argv[0]) {
			return fmt.Sprintf("there is no program %s", argv[0])
		}
		return fmt.Sprintf("the program %s is not on the PATH", argv[0])
	}
	return ""
}

// ofStudy reports whether a program is called by its path among the declared files.
func ofStudy(name string) bool { return strings.ContainsAny(name, `/\`) && !filepath.IsAbs(name) }

// ValidateArgv refuses a command line that no system can run.
func ValidateArgv(attribute string, argv []string) diag.List {
	for _, arg := range argv {
		if strings.ContainsRune(arg, 0) {
			return diag.Errorf(diag.Path{attribute}, "Invalid argument", "%q contains a NUL character, which no command line can hold. Remove it.", arg)
		}
	}
	return nil
}

// sharedArgument is the key under which the trials of a plan share whether an argument is
// a file of the study that is not declared.
type sharedArgument struct {
	sharedFiles
	argument string
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// ArgumentWarnings warns of arguments that name a file of the study which is not declared,
// as in argv = ["python3", "train.py"] without files. The program would not find it, or,
// if the argument is an absolute path, read it where it is.
func (s Spec) ArgumentWarnings(in pipeline.Inputs, attribute string, argv []string) (list diag.List) {
	installed := newInstallations(in.Study.Dir)
	if len(argv) > 0 {
		installed.add(argv[0])
	}
	for i, arg := range argv {
		if filepath.IsAbs(arg) && within(filepath.Clean(arg), in.Study.Dir) && isFile(arg) && !installed.has(arg) {
			list = append(list, diag.Warningf(diag.Path{attribute}, "Absolute path", "%s names %s of the study's folder by its absolute path. "+
				"The program reads it there, so that a change to it retrains nothing, and the path enters the key. Add it to files, and name it by its path in the study's folder.", attribute, arg)...)
		}
		name := path.Clean(filepath.ToSlash(arg))
		if !filepath.IsLocal(arg) || !strings.ContainsAny(arg, "./") || strings.ContainsAny(arg, "*?[]{} \x00") || name == "." {
			continue
		}
		shared, err := in.Shared.Value(sharedArgument{s.shared(), name}, func() (cache.Value, error) {
			files, err := expand(in, "files", s.Files, s.Exclude)
			if err != nil {
				return cache.Value{}, err
			}
			for _, f := range files {
				if f.name == name || strings.HasPrefix(f.name, name+"/") {
					return cache.String("declared"), nil
				}
			}
			if found, err := in.Sources.Expand(filepath.FromSlash(name)); err == nil && len(found) > 0 {
				return cache.String("undeclared"), nil
			}
			return cache.String(""), nil
		})
		state, _ := shared.Text()
		switch {
		case err != nil: // Describe reports it
		case state == "undeclared":
			list = append(list, diag.Warningf(diag.Path{attribute}, "Undeclared file", "%s names %s of the study's folder, which files does not list. "+
				"The program runs in a folder with the declared files alone. Add files = [%q].", attribute, arg, name)...)
		case state == "" && i == 0 && ofStudy(arg):
			list = append(list, diag.Warningf(diag.Path{attribute}, "Undeclared file", "%s calls %s, and neither files nor the study's folder has it. Add the program to files, or call a program on the PATH by its bare name.", attribute, arg)...)
		}
	}
	return list
}
