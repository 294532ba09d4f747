//go:build unix

package launch

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// canRedirect says whether a process can change where its stderr goes, including
// what the runtime and its children write.
const canRedirect = true

// redirect makes a file the stderr of this process.
func redirect(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	defer f.Close()
	if err := unix.Dup2(int(f.Fd()), int(os.Stderr.Fd())); err != nil {
		return fmt.Errorf("changing to the log %s: %w", path, err)
	}
	return nil
}
