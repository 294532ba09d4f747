package program

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// adopt makes this process the parent of processes that a program leaves behind,
// even of those in sessions of their own. The calling process runs only programs.
func adopt() { unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// cleanUp kills the processes that an ended program left running and returns their
// number. Their children become ours in turn.
func cleanUp(leader int) int {
	const rounds = 100 // enough for anything but a fork bomb
	killed := 0
	for range rounds {
		children := ownChildren()
		if len(children) == 0 {
			break
		}
		for _, pid := range children {
			if alive(pid) {
				killed++
			}
			syscall.Kill(pid, syscall.SIGKILL)
			syscall.Wait4(pid, nil, 0, nil)
		}
	}
	signalGroup(leader, syscall.SIGKILL)
	return killed
}

func ownChildren() []int {
	var out []int
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, f := range files {
		raw, _ := os.ReadFile(f) // an ended thread has none
		for _, word := range strings.Fields(string(raw)) {
			if pid, err := strconv.Atoi(word); err == nil {
				out = append(out, pid)
			}
		}
	}
	return out
}

// alive reports whether a process runs, as opposed to a zombie.
func alive(pid int) bool {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	state := raw[bytes.LastIndexByte(raw, ')')+1:] // the name in parentheses may hold anything
	return err == nil && len(state) > 1 && state[1] != 'Z'
}
