// Command site renders the project's Markdown as a static site.
//
//	site FOLDER
//
// It starts at README.md and follows the links: Markdown becomes pages, any other
// file is copied. A link to a file or a heading that does not exist is an error.
// Pages need no network; the search reads an index that is a script, so that it
// works from a disk, too.
package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	out, ok := folder(os.Args[1:])
	if !ok {
		fmt.Fprintln(os.Stderr, "usage: site FOLDER")
		os.Exit(2)
	}
	if err := build(".", out); err != nil {
		fmt.Fprintln(os.Stderr, "site:", err)
		os.Exit(1)
	}
}

// folder is the only argument. An option is not taken for a folder.
func folder(args []string) (name string, ok bool) {
	if len(args) != 1 || strings.HasPrefix(args[0], "-") {
		return "", false
	}
	return args[0], true
}

// build renders the site of the repository at root into a folder.
func build(root, out string) error {
	s, err := crawl(os.DirFS(root))
	if err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return err
	}
	return s.write(out)
}
