package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/cmd/ablate/internal/view"
	"ablate/hcl"
	"ablate/hcl/diag"
)

// folderConfig is the configuration that comes with a study's folder.
func folderConfig(dir string) string { return filepath.Join(dir, ".ablate", "config.hcl") }

func trustCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "trust [FOLDER]", Short: "Accept the configuration that comes with a study's folder",
		Long: "A study's folder may come from elsewhere, and its .ablate/config.hcl may name a remote, signing\n" +
			"keys, a store and executors. ablate ignores the file until you have read it and run trust.\n" +
			"Your configuration folder remembers the digest of the file: after a change, trust it again.\n\n" +
			"ABLATE_REMOTE_TOKEN is only ever sent to the remote that ABLATE_REMOTE or your own configuration\n" +
			"names." + exitCodes(""),
		Example: "  ablate trust .",
		Args:    argsBetween(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			r := trustRequest{Folder: s.dir}
			if len(args) > 0 {
				r.Folder = args[0]
			}
			return r.do(s)
		},
	}
}

// trustRequest asks to accept the configuration of a folder.
type trustRequest struct{ Folder string }

func (r trustRequest) do(s *session) error {
	name, err := filepath.Abs(folderConfig(r.Folder))
	if err != nil {
		return err
	}
	digest, err := configDigest(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %s to trust", folderConfig(r.Folder))
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
	if !trusts(known, digest) {
		line := fmt.Sprintf("%s %s\n", digest, name)
		if err := fsys.Rewrite(file, append(known, line...)); err != nil {
			return fmt.Errorf("remembering which configuration is trusted: %w", err)
		}
	}
	s.view().Text(fmt.Sprintf("trusted %s\n", name))
	return nil
}

// trustedFile lists the digests of trusted configurations, each with the file that
// had it.
func trustedFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("finding your configuration folder: %w", err)
	}
	return filepath.Join(dir, "ablate", "trusted"), nil
}

func configDigest(name string) (cache.Digest, error) {
	raw, err := fsys.ReadRegular(name, maxFile)
	return cache.DigestOf(raw), err
}

func trusts(list []byte, d cache.Digest) bool {
	for line := range strings.Lines(string(list)) {
		if known, _, _ := strings.Cut(strings.TrimSpace(line), " "); known == d.String() {
			return true
		}
	}
	return false
}

// trusted reports whether the user accepted a folder's configuration. One that
// does not exist needs no trust.
func trusted(name string) bool {
	digest, err := configDigest(name)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	file, err := trustedFile()
	if err != nil {
		return false
	}
	list, err := fsys.ReadRegular(file, maxFile)
	return err == nil && trusts(list, digest)
}

// readConfigs reads the user's configuration and, if it is trusted, that of the
// study's folder. own is the remote that the user's own configuration names.
func (s *session) readConfigs() (c hcl.Config, own string, list diag.List) {
	var files []string
	if dir, err := os.UserConfigDir(); err == nil {
		files = append(files, filepath.Join(dir, "ablate", "config.hcl"))
	}
	c, list = hcl.ReadConfig(files...)
	own = c.Remote.URL
	name := folderConfig(s.dir)
	if list.HasErrors() {
		return c, own, list
	}
	if !trusted(name) {
		s.view().Diagnostics(diag.Warningf(nil, "Untrusted configuration",
			"%s is ignored, because it came with the study's folder. Read it, then accept it with\n\n    ablate trust %s", name, view.ShellQuote(s.dir)))
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
