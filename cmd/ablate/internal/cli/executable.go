package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"ablate/cache"
	"ablate/cache/fsys"
)

// program is the path of the running executable. After an upgrade another program is
// there.
func program() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding the running program: %w", err)
	}
	return path, nil
}

// runningImage is the file that this process runs, wherever Linux has a name for it.
const runningImage = "/proc/self/exe"

// began is the program's file when the process began.
var began, errBegan = programID()

func programID() (fsys.ID, error) {
	path, err := program()
	if err != nil {
		return fsys.ID{}, err
	}
	return fsys.StatID(path)
}

// digested is the digest of the running program, once it is known.
var digested struct {
	sync.Mutex
	digest cache.Digest
}

// digestExecutable hashes the running program. Fingerprints are remembered under its
// digest, so it must be that of the code that runs, even if the file at its path has
// been replaced since.
func digestExecutable(stats *cache.StatCache) (cache.Digest, error) {
	digested.Lock()
	defer digested.Unlock()
	if !digested.digest.IsZero() {
		return digested.digest, nil
	}
	path, err := imagePath()
	if err != nil {
		return cache.Digest{}, err
	}
	d, _, err := stats.Digest(path, "executable", func() (cache.Digest, int64, error) { return digestFile(path) })
	if err != nil {
		return cache.Digest{}, fmt.Errorf("hashing the running program: %w", err)
	}
	if path != runningImage {
		if err := unchanged(path); err != nil {
			return cache.Digest{}, err
		}
	}
	digested.digest = d
	return d, nil
}

func imagePath() (string, error) {
	if _, err := os.Stat(runningImage); err == nil {
		return runningImage, nil
	}
	return program()
}

func digestFile(path string) (cache.Digest, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return cache.Digest{}, 0, err
	}
	defer f.Close()
	h := cache.NewDigester()
	n, err := io.Copy(h, f)
	return h.Digest(), n, err
}

// unchanged reports whether the program's file is still that with which the process
// began.
func unchanged(path string) error {
	is, err := fsys.StatID(path)
	if err = errors.Join(errBegan, err); err == nil && !is.Equal(began) {
		err = errors.New("it was replaced while this command ran: run the command again")
	}
	if err != nil {
		return fmt.Errorf("hashing the running program, %s: %w", path, err)
	}
	return nil
}
