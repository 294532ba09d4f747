package hcl

import "time"

var started = time.Now()

// cpuTime is the time since the process began, which bounds its processor time.
func cpuTime() time.Duration { return time.Since(started) }
