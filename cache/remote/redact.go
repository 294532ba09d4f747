package remote

import "regexp"

var userInfo = regexp.MustCompile(`(://)[^/?#\s]*@`)

// redact hides the user and the password in an address, valid or not.
func redact(address string) string { return userInfo.ReplaceAllString(address, "${1}***@") }
