package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// BoundGroup is OwnGroup for a child that the kernel kills when this process dies.
// It must be started with Start.
func BoundGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// AdoptOrphans makes this process the parent of what its descendants leave behind,
// also in sessions of their own. It is for processes that start one program at a
// time and nothing else.
func AdoptOrphans() { unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// KillRest kills what a program that has ended left running, and what that leaves in
// turn, and returns how many processes it killed.
func KillRest(leader int) int {
	killed := killChildren()
	SignalGroup(leader, syscall.SIGKILL)
	return killed
}

func killChildren() (killed int) {
	const rounds = 100 // against a program that forks faster than we kill
	for range rounds {
		children := ownChildren()
		if len(children) == 0 {
			break
		}
		for _, pid := range children {
			if isRunning(pid) {
				killed++
			}
			// A child's number is not reused before it is waited for.
			syscall.Kill(pid, syscall.SIGKILL)
			syscall.Wait4(pid, nil, 0, nil)
		}
	}
	return killed
}

func ownChildren() []int {
	var out []int
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, f := range files {
		raw, _ := os.ReadFile(f) // a thread that has ended has none
		for _, word := range strings.Fields(string(raw)) {
			if pid, err := strconv.Atoi(word); err == nil {
				out = append(out, pid)
			}
		}
	}
	return out
}

// isRunning tells a process from one that has ended and was not waited for.
func isRunning(pid int) bool {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	state := raw[bytes.LastIndexByte(raw, ')')+1:] // the name before may hold anything
	return err == nil && len(state) > 1 && state[1] != 'Z'
}
