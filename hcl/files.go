package hcl

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	hclv2 "github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"ablate/hcl/diag"
	"ablate/hcl/study"
)

// Extensions of the files of a study.
const (
	nativeExt = ".hcl"
	jsonExt   = ".hcl.json"
)

// Files lists the files of the study in a folder, sorted. The lock and the variables
// files are read elsewhere.
func Files(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		n := e.Name()
		hasExt := strings.HasSuffix(n, nativeExt) || strings.HasSuffix(n, jsonExt)
		if hasExt && !e.IsDir() && !strings.HasPrefix(n, ".") && n != study.LockFile {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names, nil
}

// parse reads one file of the study; nil when it cannot be used.
func (l *loader) parse(name, summary string) hclv2.Body {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(l.opts.Dir, name)
	}
	src, err := readFile(path)
	if err != nil {
		l.fail(&diag.Range{Filename: name}, summary, "Cannot read %s: %v.", name, err)
		return nil
	}
	l.size += len(src)
	if l.size > maxStudySize {
		l.fail(&diag.Range{Filename: name}, "Study too large", "The files of a study must not exceed %d MiB in total. Replace repeated blocks by for_each or matrix.", maxStudySize>>20)
		return nil
	}
	l.keepSource(name, src)
	file, diags := parseFile(name, src)
	l.upstream(diags)
	if file == nil || diags.HasErrors() {
		return nil
	}
	if body, ok := file.Body.(*hclsyntax.Body); ok {
		l.upstream(duplicateKeys(body))
		l.meter.body(body)
	}
	return file.Body
}

// readFile reads a regular file of bounded size. Reading a FIFO would wait for
// ever, and a device may have no end.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("it is %s, not a regular file", fileKind(info.Mode()))
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // it may have become a FIFO
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	switch {
	case err != nil:
		return nil, cause(err)
	case len(b) > maxFileSize:
		return nil, fmt.Errorf("it is larger than %d MiB", maxFileSize>>20)
	}
	return b, nil
}

// cause removes the path from an error, for messages that name it already.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func fileKind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeDevice != 0:
		return "a device"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a special file"
}
