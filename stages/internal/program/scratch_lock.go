package program

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
)

// A scratch folder has a file of the same name and .lock beside it, which its owner
// holds locked as long as it lives. An unlocked file marks a folder whose owner was
// killed. The name begins with the user and the store, so that people can tell whose
// folder it is.

const (
	scratchPrefix = "ablate-"
	lockSuffix    = ".lock"
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
	return lock, dir, nil
}

// scratchOwner names the user and the store.
func scratchOwner() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = strings.Map(func(r rune) rune {
			if r == '/' || r == '\\' || r == os.PathSeparator {
				return '_'
			}
			return r
		}, u.Username)
	}
	store := sha256.Sum256([]byte(os.Getenv("ABLATE_CACHE_DIR")))
	return name + "-" + hex.EncodeToString(store[:4])
}

// removeAbandoned removes the folders whose owners were killed. What cannot be
// removed, such as another user's, stays.
func removeAbandoned(parent string) {
	files, _ := fs.Glob(os.DirFS(parent), scratchPrefix+"*"+lockSuffix) // the pattern is well-formed
	for _, name := range files {
		name = filepath.Join(parent, name)
		lock, err := openLock(name)
		if err != nil {
			continue
		}
		if os.RemoveAll(strings.TrimSuffix(name, lockSuffix)) == nil {
			lock.remove()
		} else {
			lock.file.Close()
		}
	}
}
