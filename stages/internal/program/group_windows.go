package program

import (
	"os"
	"syscall"
)

// ownGroup keeps the console's signals from the program.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// signalGroup ends the program: Windows has no signals.
func signalGroup(leader int, _ syscall.Signal) {
	if p, err := os.FindProcess(leader); err == nil {
		p.Kill()
	}
}

// cleanUp does nothing: the children of a program cannot be found on this system.
func cleanUp(int) int { return 0 }

func adopt() {}
