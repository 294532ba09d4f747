package program

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
)

// A scratch folder has a file of the same name and .lock beside it, which its owner
// holds locked as long as it lives. An unlocked file marks a folder whose owner was
// killed. The name begins with the user and the store, so that people can tell whose
// folder it is.

const (
	scratchPrefix = "ablate-"
	lockSuffix    = ".lock"
	scratchMarker = ".ablate-scratch" // an empty file in each scratch folder
	programFolder = "run"             // beside it, which the program sees as its own
)

// scratchLock is a locked file.
type scratchLock struct{ file *os.File }

// lockScratch makes a new folder and the locked file beside it.
func lockScratch(parent, key string) (*scratchLock, string, error) {
	var nonce [4]byte
	rand.Read(nonce[:]) // never fails
	dir := filepath.Join(parent, scratchPrefix+scratchOwner()+"-"+key+"-"+hex.EncodeToString(nonce[:]))
	lock, err := newLock(dir + lockSuffix)
	if err != nil {
		return nil, "", err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		lock.remove()
		return nil, "", err
	}
	err = os.WriteFile(filepath.Join(dir, scratchMarker), nil, 0o600)
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, programFolder), 0o700)
	}
	if err != nil {
		return nil, "", errors.Join(err, os.RemoveAll(dir), lock.remove())
	}
	return lock, dir, nil
}

// scratchOwner names the user and the store.
func scratchOwner() string {
	store := sha256.Sum256([]byte(os.Getenv("ABLATE_CACHE_DIR")))
	return scratchUser() + "-" + hex.EncodeToString(store[:4])
}

func scratchUser() string {
	u, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == os.PathSeparator {
			return '_'
		}
		return r
	}, u.Username)
}

// scratchLockName matches the names that lockScratch gives to the locks of this user,
// for any store.
func scratchLockName() *regexp.Regexp {
	return regexp.MustCompile("^" + regexp.QuoteMeta(scratchPrefix+scratchUser()) + "-[0-9a-f]{8}-[0-9a-f]{16}-[0-9a-f]{8}" + regexp.QuoteMeta(lockSuffix) + "$")
}

// removeAbandoned removes the folders of this user whose owners were killed. In a
// temporary folder that all users share, anyone can make a file with a name like that
// of a lock, so the folder must also belong to this user and have its marker. One that
// cannot be removed keeps its lock, so that the next call tries again.
func removeAbandoned(parent string) error {
	files, _ := os.ReadDir(parent) // making a new folder reports what is wrong with it
	ours := scratchLockName()
	var failed error
	for _, f := range files {
		if !f.Type().IsRegular() || !ours.MatchString(f.Name()) {
			continue
		}
		name := filepath.Join(parent, f.Name())
		if info, err := os.Lstat(name); err != nil || !ownFile(info) {
			continue
		}
		lock, err := openLock(name)
		if err != nil {
			continue
		}
		dir := strings.TrimSuffix(name, lockSuffix)
		err = checkMarker(dir)
		if err == nil {
			err = removeScratch(dir)
		}
		if err != nil {
			failed = errors.Join(failed, err)
			lock.file.Close()
			continue
		}
		lock.remove()
	}
	return failed
}

// checkMarker returns an error for a folder that lockScratch may not have made. An empty
// one harms nobody: the process may have been killed before it wrote the marker.
func checkMarker(dir string) error {
	if _, err := os.Lstat(filepath.Join(dir, scratchMarker)); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if files, err := os.ReadDir(dir); len(files) > 0 || err != nil && !errors.Is(err, os.ErrNotExist) {
		return cmp.Or(err, fmt.Errorf("%s has no file %s, so ablate may not have made it", dir, scratchMarker))
	}
	return nil
}

// removeScratch removes a scratch folder, if it exists. The marker goes last, so that
// what is left after a failure can still be recognised.
func removeScratch(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil && (!info.IsDir() || !ownFile(info)) {
		err = fmt.Errorf("%s is not a folder of this user", dir)
	}
	if err != nil {
		return err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.Name() == scratchMarker {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, f.Name())); err != nil {
			return err
		}
	}
	return os.RemoveAll(dir)
}
