package launch

import (
	"bufio"
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"strings"
)

// GPUCount is a number of GPUs in words.
func GPUCount(n int) string {
	switch n {
	case 0:
		return "no GPU"
	case 1:
		return "1 GPU"
	}
	return fmt.Sprintf("%d GPUs", n)
}

// memory formats an amount of memory.
func memory(n int64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }

// GPUs lists the devices that this process may use: those that the environment
// names, or else those that the driver lists. A machine without a driver has none.
func GPUs(ctx context.Context, visible string, named bool) []string {
	if named {
		return fields(visible, ",")
	}
	out, err := osexec.CommandContext(ctx, "nvidia-smi", "--query-gpu=index", "--format=csv,noheader").Output()
	if err != nil {
		return nil
	}
	return fields(string(out), "\n")
}

// fields splits a list of devices, dropping the values that mean none.
func fields(s, separator string) []string {
	var out []string
	for _, f := range strings.Split(s, separator) {
		if f = strings.TrimSpace(f); f != "" && f != "-1" && f != "NoDevFiles" {
			out = append(out, f)
		}
	}
	return out
}

// FreeMemory returns how much memory is available without swapping.
func FreeMemory() (int64, error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("this system does not report how much memory is free (%w): remove resources.memory", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var kib int64
		if _, err := fmt.Sscanf(lines.Text(), "MemAvailable: %d kB", &kib); err == nil {
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("/proc/meminfo does not report how much memory is free: remove resources.memory")
}
