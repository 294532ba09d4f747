package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/hcl"
	"ablate/hcl/diag"
	"ablate/pipeline/process"
)

// folderConfig is the configuration that comes with a study's folder.
func folderConfig(dir string) string { return filepath.Join(dir, ".ablate", "config.hcl") }

func trustCommand(s *session) *cobra.Command {
	var r trustRequest
	return &cobra.Command{
		Use: "trust [FOLDER]", Short: "Accept the configuration that comes with a study's folder",
		Long: "A study's folder may come from elsewhere, and its .ablate/config.hcl may name a remote, signing\n" +
			"keys, a store and executors. ablate ignores the file until you have read it and run trust.\n" +
			"Your configuration folder remembers the path and the digest of the file: after a change, or in\n" +
			"another folder, trust it again.\n\n" +
			"ABLATE_REMOTE_TOKEN is only ever sent to the remote that ABLATE_REMOTE or your own configuration\n" +
			"names." + exitCodes(""),
		Example: "  ablate trust .",
		Args:    argsBetween(0, 1),
		RunE:    does(s, &r, &r.Folder),
	}
}

// trustRequest asks to accept the configuration of a folder.
type trustRequest struct {
	Folder string // "" means that of the study
}

func (r trustRequest) do(_ context.Context, s *session) error {
	config := folderConfig(cmp.Or(r.Folder, s.dir))
	name, line, err := trustLine(config)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %s to trust", config)
	}
	if err != nil {
		return err
	}
	file, err := trustedFile()
	if err != nil {
		return err
	}
	known, err := fsys.ReadRegular(file, maxFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !trusts(known, line) {
		if len(known) > 0 && !bytes.HasSuffix(known, []byte("\n")) {
			known = append(known, '\n')
		}
		if err := fsys.Rewrite(file, append(known, line+"\n"...)); err != nil {
			return fmt.Errorf("remembering which configuration is trusted: %w", err)
		}
	}
	s.view().Text(fmt.Sprintf("trusted %s\n", name))
	return nil
}

// trustedFile lists the trusted configurations, one a line as trustLine writes it.
func trustedFile() (string, error) {
	dir, err := configDir()
	return filepath.Join(dir, "trusted"), err
}

// configDir is the user's configuration folder.
func configDir() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("finding your configuration folder: %w: set HOME, or set XDG_CONFIG_HOME to an absolute path", err)
	}
	return filepath.Join(dir, "ablate"), nil
}

// trustLine names a configuration as the file of trusted ones does: its digest and its
// quoted path. What the paths in it refer to depends on its folder, so another folder
// with the same file is not trusted with it. name is the path without links.
func trustLine(config string) (name, line string, err error) {
	raw, err := fsys.ReadRegular(config, maxFile)
	if err != nil {
		return "", "", err
	}
	dir, err := filepath.Abs(filepath.Dir(config))
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	name = filepath.Join(dir, filepath.Base(config))
	return name, fmt.Sprintf("%s %q", cache.DigestOf(raw), name), err
}

// trusts reports whether a list has a line, in full.
func trusts(list []byte, line string) bool {
	return slices.Contains(strings.Split(string(list), "\n"), line)
}

// trusted reports whether the user accepted a folder's configuration. One that
// does not exist needs no trust.
func trusted(name string) bool {
	_, line, err := trustLine(name)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	file, err := trustedFile()
	if err != nil {
		return false
	}
	list, err := fsys.ReadRegular(file, maxFile)
	return err == nil && trusts(list, line)
}

// trustedFolder reports whether the user accepted a study's folder by its
// configuration.
func trustedFolder(dir string) bool {
	_, err := os.Stat(folderConfig(dir))
	return err == nil && trusted(folderConfig(dir))
}

// readConfigs reads the user's configuration and, if it is trusted, that of the
// study's folder. own is the remote that the user's own configuration names.
func (s *session) readConfigs() (c hcl.Config, own string, list diag.List) {
	var files []string
	if dir, err := configDir(); err == nil {
		files = append(files, filepath.Join(dir, "config.hcl"))
	} else {
		s.unconfigured = err
	}
	c, list = hcl.ReadConfig(files...)
	own = c.Remote.URL
	name := folderConfig(s.dir)
	if list.HasErrors() {
		return c, own, list
	}
	if !trusted(name) {
		s.view().Diagnostics(diag.Warningf(nil, "Untrusted configuration",
			"%s is ignored, because it came with the study's folder. Read it, then accept it with\n\n    ablate trust %s", name, process.ShellQuote(s.dir)))
		return c, own, list
	}
	c, list = hcl.ReadConfig(append(files, name)...)
	if c.NotifyIn == name {
		list = append(list, diag.Errorf(nil, "Notification in a study", "%s has a block notify. A study must not choose which programs run on your machine. "+
			"Move the block to your own configuration file.", name)...)
	}
	return c, own, list
}

// token is ABLATE_REMOTE_TOKEN for a remote on the host that the user named, and
// "" for any other.
func (s *session) token(remote string) string {
	to, err := url.Parse(remote)
	if err != nil {
		return ""
	}
	for _, named := range []string{s.getenv("ABLATE_REMOTE"), s.ownRemote} {
		if u, err := url.Parse(named); err == nil && named != "" && u.Scheme == to.Scheme && u.Host == to.Host {
			return s.getenv("ABLATE_REMOTE_TOKEN")
		}
	}
	return ""
}
