//go:build windows

package launch

import (
	"errors"
	"syscall"
)

// ownGroup puts a child in a process group of its own, so that Ctrl-C in a console
// reaches the parent alone, which then stops its children in order.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// canRedirect says whether a process can change where its stderr goes.
const canRedirect = false

func redirect(string) error { return errors.New("the log of a process cannot be changed on Windows") }
