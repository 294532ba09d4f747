package tracker

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"ablate/stages/internal/tfevents"
)

// writeTensorBoard writes a folder for each run.
func (r Runs) writeTensorBoard(dir string) (written int, err error) {
	top := filepath.Join(dir, folderName(r.Study))
	current := make(map[string]bool)
	var files fileTree
	for run, err := range r.Each {
		if err != nil {
			return written, err
		}
		path := filepath.Join(top, folderName(run.Stage))
		if run.Name != "" {
			path = filepath.Join(path, folderName(run.Name))
		}
		if !files.add(path) { // it differs from another one in case alone
			path += fmt.Sprintf("-%x", sha256.Sum256([]byte(run.Name)))[:9]
		}
		path = filepath.Join(path, tfevents.FileName)
		if err := writeEvents(path, run); err != nil {
			return written, err
		}
		current[path] = true
		written++
	}
	return written, removeOld(top, current)
}

// writeEvents writes the event file of a run. It replaces the file as a whole, since
// TensorBoard may be reading it.
func writeEvents(path string, run Run) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".ablate-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is none
	defer f.Close()
	out := bufio.NewWriter(f)
	events, err := tfevents.NewWriter(out, run.Finished)
	if err == nil {
		err = events.Parameters(run.Parameters)
	}
	for _, v := range run.Values {
		if err == nil {
			err = events.Scalar(int64(v.Step), v.Metric, v.Number)
		}
	}
	if err = errors.Join(err, out.Flush(), f.Chmod(0o644), f.Close()); err != nil { // meant for others to read
		return err
	}
	return os.Rename(f.Name(), path)
}

// removeOld removes the event files of runs that the study no longer has.
func removeOld(top string, current map[string]bool) error {
	var folders []string
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.Name() == tfevents.FileName && !current[path]:
			folders = append(folders, filepath.Dir(path))
			return os.Remove(path)
		}
		return nil
	})
	for _, folder := range folders {
		os.Remove(folder) // unless another file is in it
	}
	return err
}

// notInFolders matches characters that names of folders cannot have on some system.
var notInFolders = regexp.MustCompile(`[\x00-\x1f\x7f/\\:*?"<>|]`)

// folderName is a name as the name of a folder. One that had to be changed ends in a
// part of a hash, so that two names stay two folders.
func folderName(name string) string {
	const longest = 150 // bytes; file systems allow 255
	changed := strings.TrimRight(notInFolders.ReplaceAllString(strings.ToValidUTF8(name, "_"), "_"), ". ")
	if len(changed) > longest {
		changed = strings.ToValidUTF8(changed[:longest], "")
	}
	if changed == name && name != "" {
		return name
	}
	return fmt.Sprintf("%s-%x", changed, sha256.Sum256([]byte(name)))[:len(changed)+9]
}
