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

// adopt makes this process the parent of what a program leaves behind, also in
// sessions of its own. Programs run in child processes that do nothing else.
func adopt() { unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// cleanUp kills what a program that has ended left running, children of
// children as they come, and counts it.
func cleanUp(leader int) int {
	const rounds = 100 // a program that forks faster than that is beyond us
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
		raw, _ := os.ReadFile(f) // a thread that has ended has none
		for _, word := range strings.Fields(string(raw)) {
			if pid, err := strconv.Atoi(word); err == nil {
				out = append(out, pid)
			}
		}
	}
	return out
}

// alive tells a process from one that has ended and was not waited for.
func alive(pid int) bool {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	state := raw[bytes.LastIndexByte(raw, ')')+1:] // the name before may hold anything
	return err == nil && len(state) > 1 && state[1] != 'Z'
}
