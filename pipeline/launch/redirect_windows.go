//go:build windows

package launch

import (
	"errors"
)

// canRedirect says whether a process can change where its stderr goes.
const canRedirect = false

func redirect(string) error { return errors.New("the log of a process cannot be changed on Windows") }
