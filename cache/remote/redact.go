package remote

import "regexp"

var userInfo = regexp.MustCompile(`(://)[^/?#\s]*@`)

// Redact hides the user and the password in an address, valid or not.
func Redact(address string) string { return userInfo.ReplaceAllString(address, "${1}***@") }
