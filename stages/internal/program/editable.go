package program

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"ablate/stages/internal/python"
)

// editable are the packages of a Python that are installed in editable mode: the program
// imports them from where they are developed, unless it finds its copies first.
type editable struct {
	path    []string          // folders of PYTHONPATH
	sites   []string          // folders of installed packages
	folders []string          // whose modules can be imported: path, and what .pth files say
	modules map[string]string // paths of modules by name, as their finders say
}

// finderEntry matches an entry of the dictionary MAPPING in a finder of setuptools.
var finderEntry = regexp.MustCompile(`'(\w+)': '([^'\\]+)'`)

// editable finds the packages for an interpreter, or for a program installed beside it.
func (i importer) editable() editable {
	e := editable{modules: make(map[string]string)}
	if i.program == "" {
		return e
	}
	e.path = slices.DeleteFunc(filepath.SplitList(i.path), func(folder string) bool { return !filepath.IsAbs(folder) })
	e.folders = slices.Clone(e.path)
	trees := []string{filepath.Dir(filepath.Dir(i.program))}
	if home, err := os.UserHomeDir(); err == nil && !isEnvironment(trees[0]) {
		trees = append(trees, filepath.Join(home, ".local"))
	}
	for _, tree := range trees {
		for _, name := range []string{"site-packages", "dist-packages"} {
			sites, _ := filepath.Glob(filepath.Join(tree, "lib", "python3*", name)) // a tree with wildcards in its name has none
			e.sites = append(e.sites, sites...)
		}
	}
	for _, site := range e.sites {
		entries, _ := os.ReadDir(site)
		for _, entry := range entries {
			switch name := entry.Name(); {
			case strings.HasSuffix(name, ".pth"):
				e.addFolders(filepath.Join(site, name), site)
			case strings.HasPrefix(name, "__editable__") && strings.HasSuffix(name, "_finder.py"):
				e.addModules(filepath.Join(site, name))
			}
		}
	}
	return e
}

func (e *editable) addFolders(pth, site string) {
	text, _ := os.ReadFile(pth) // Python passes over what it cannot read
	for line := range strings.Lines(string(text)) {
		folder := strings.TrimSpace(line)
		if folder == "" || strings.HasPrefix(folder, "#") || strings.HasPrefix(folder, "import") {
			continue
		}
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(site, folder)
		}
		if folder = filepath.Clean(folder); !within(folder, site) {
			e.folders = append(e.folders, folder)
		}
	}
}

func (e *editable) addModules(finder string) {
	text, _ := os.ReadFile(finder)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "MAPPING") {
			for _, m := range finderEntry.FindAllStringSubmatch(line, -1) {
				e.modules[m[1]] = m[2]
			}
		}
	}
}

// folderOf returns the folder from which a module is imported, "" if it is not installed
// in editable mode. A folder without an __init__.py is a package only if no other is
// installed.
func (e *editable) folderOf(module string) string {
	for _, folder := range e.folders {
		if isPackage(filepath.Join(folder, module)) {
			return folder
		}
	}
	if at := e.modules[module]; at != "" {
		return filepath.Dir(at)
	}
	for _, folder := range e.folders {
		sources, _ := filepath.Glob(filepath.Join(folder, module, "*.py"))
		installed := func(site string) bool { return isPackage(filepath.Join(site, module)) }
		if len(sources) > 0 && !slices.ContainsFunc(e.sites, installed) {
			return folder
		}
	}
	return ""
}

// isPackage reports whether there is a module at a path without its ending.
func isPackage(at string) bool {
	for _, name := range []string{at + ".py", filepath.Join(at, "__init__.py")} {
		if _, err := os.Stat(name); err == nil {
			return true
		}
	}
	return false
}

// pythonPath is the variable with the folders in which Python looks for modules.
const pythonPath = "PYTHONPATH"

// importer is what of a command line decides where Python looks for modules.
type importer struct {
	program string // its path on this machine, "" if it is not found
	module  string // that argv names after -m
	first   string // the folder, below the program's, that comes first; "" for none
	path    string // PYTHONPATH, which comes next
}

// importer returns the zero value if argv calls a program of the study.
func (s Spec) importer() (i importer) {
	argv := s.Argv
	if slices.Contains(s.Env, pythonPath) {
		i.path = os.Getenv(pythonPath)
	}
	if len(argv) > 0 && path.Base(argv[0]) == "env" {
		for argv = argv[1:]; len(argv) > 0 && strings.Contains(argv[0], "="); argv = argv[1:] {
			if value, ok := strings.CutPrefix(argv[0], pythonPath+"="); ok {
				i.path = value
			}
		}
	}
	if len(argv) == 0 || ofStudy(argv[0]) {
		return importer{}
	}
	i.program, _ = exec.LookPath(argv[0]) // Lacks reports it
	for n, arg := range argv {
		switch {
		case arg == "-m" && n+1 < len(argv):
			i.module, i.first = argv[n+1], "."
			return i
		case python.IsSource(arg):
			i.first = path.Dir(path.Clean(filepath.ToSlash(arg)))
			return i
		}
	}
	return i
}

// imports lists the modules that the command line itself imports: the one after -m, or
// those of a script that was installed with a package.
func (i importer) imports() []python.Module {
	if i.module != "" {
		return []python.Module{{Name: i.module}}
	}
	if i.program == "" || !isScript(i.program) {
		return nil
	}
	source, _ := os.ReadFile(i.program)
	tokens, _ := python.Tokens(source)
	return python.Imports(tokens)
}

// editableImports are the modules that a program imports from where they are developed.
type editableImports struct {
	importer
	installed editable
	declared  []file
	study     string
	known     map[string]bool // modules that were looked for, and whether they are imported from there
}

func (i importer) editableImports(declared []file, study string) editableImports {
	return editableImports{i, i.editable(), declared, study, make(map[string]bool)}
}

// warnings says whether a module that a file imports is one, the first time.
func (e editableImports) warnings(by string, m python.Module) []string {
	top := m.Top()
	if _, known := e.known[top]; known || m.Level > 0 {
		return nil
	}
	folder := e.installed.folderOf(top)
	e.known[top] = folder != "" && !e.findsCopy(top)
	if !e.known[top] {
		return nil
	}
	how := "is installed in editable mode"
	if slices.Contains(e.installed.path, folder) {
		how = "PYTHONPATH leads to"
	}
	text := fmt.Sprintf("Import from another folder\t%s imports %s, which %s: Python reads it in %s, not in the program's folder. ", by, top, how, folder)
	rel, err := filepath.Rel(resolved(e.study), resolved(folder))
	if err != nil || !filepath.IsLocal(rel) {
		return []string{text + "A change to it retrains nothing, since files cannot list what is outside the study's folder. Move the study to a folder above the package, or install a copy of it."}
	}
	return []string{text + fmt.Sprintf("A change to a file of it that files does not list retrains nothing, and an edit during a run reaches its trials. "+
		"List the package in files, and put its folder first on Python's path: argv = [\"env\", \"PYTHONPATH=%s\", …].", filepath.ToSlash(rel))}
}

// has reports whether a module that warnings has seen is one.
func (e editableImports) has(m python.Module) bool { return m.Level == 0 && e.known[m.Top()] }

// findsCopy reports whether the program finds its copy of a module first.
func (e editableImports) findsCopy(module string) bool {
	folders := slices.DeleteFunc(append(filepath.SplitList(e.path), e.first), func(folder string) bool { return folder == "" || filepath.IsAbs(folder) })
	return slices.ContainsFunc(folders, func(folder string) bool {
		at := path.Join(folder, module)
		return slices.ContainsFunc(e.declared, func(f file) bool { return f.name == at+".py" || strings.HasPrefix(f.name, at+"/") })
	})
}
