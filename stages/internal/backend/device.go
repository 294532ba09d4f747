package backend

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// Device is an accelerator.
type Device struct {
	Name   string `json:"name"`
	Memory int64  `json:"memory"` // total bytes, 0 if unknown
	Driver string `json:"driver"`
}

// errNoDriver is the error of machines without NVIDIA's driver.
var errNoDriver = errors.New("no NVIDIA driver found: nvidia-smi cannot be run and /proc/driver/nvidia does not exist")

// cudaDevices lists the devices of the driver. Without nvidia-smi, as in some
// containers, the list is empty.
func cudaDevices() ([]Device, error) {
	out, err := exec.Command("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits").Output()
	if err != nil {
		if _, err := os.Stat("/proc/driver/nvidia/version"); err != nil {
			return nil, errNoDriver
		}
		return nil, nil
	}
	var devices []Device
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), ", ")
		if len(fields) != 3 {
			continue
		}
		mebibytes, _ := strconv.ParseInt(fields[1], 10, 64) // 0 if unknown
		devices = append(devices, Device{Name: fields[0], Memory: mebibytes << 20, Driver: fields[2]})
	}
	if len(devices) == 0 {
		return nil, errors.New("the NVIDIA driver lists no devices")
	}
	return devices, nil
}

// Memory returns the memory of the smallest device of a backend in bytes, or 0 if
// it is unknown.
func Memory(name string) int64 {
	if name != "xla:cuda" {
		return 0
	}
	devices, err := machine().devices, machine().driver
	if err != nil || len(devices) == 0 {
		return 0
	}
	least := devices[0].Memory
	for _, d := range devices {
		least = min(least, d.Memory)
	}
	return least
}
