package ml

import "strings"

// DeviceError is a failure of a backend or of what it runs on, which says
// nothing of the values.
type DeviceError struct{ Err error }

func (e *DeviceError) Error() string { return e.Err.Error() }

// Unwrap returns what the backend said.
func (e *DeviceError) Unwrap() error { return e.Err }

// OutOfMemory reports whether memory was what lacked. XLA says so in words, by
// its status, or by that status's number, depending on who reports it.
func (e *DeviceError) OutOfMemory() bool {
	said := strings.ToLower(e.Err.Error())
	for _, sign := range []string{"out of memory", "resource_exhausted", "(code=8)"} {
		if strings.Contains(said, sign) {
			return true
		}
	}
	return false
}
