package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cache"
)

// libraries whose versions decide what a binary computes.
var libraries = []string{"github.com/gomlx/gomlx", "github.com/gomlx/compute", "github.com/hashicorp/hcl/v2"}

func (g *globals) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of the program and of what it computes with",
		Long:    "version prints the program's version, toolchain and the libraries that decide results." + codes(""),
		Example: "  ablate version --json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			o := map[string]string{"type": "build", "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH, "version": "unknown"}
			var b strings.Builder
			if info, ok := debug.ReadBuildInfo(); ok {
				o["version"] = info.Main.Version
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" || s.Key == "GOEXPERIMENT" {
						o[s.Key] = s.Value
					}
				}
				for _, dep := range info.Deps {
					for _, lib := range libraries {
						if dep.Path == lib {
							o[lib] = dep.Version
							fmt.Fprintf(&b, "  %s %s\n", lib, dep.Version)
						}
					}
				}
			}
			g.view().Object(o)
			g.view().Text(fmt.Sprintf("ablate %s, %s %s/%s\n%s", o["version"], o["go"], o["os"], o["arch"], b.String()))
			return nil
		},
	}
}

// programVersion tells this program from others: by its version, or where it
// has none that says all, by the digest of its executable.
func programVersion(digest cache.Digest) string {
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	if version == "(devel)" || strings.HasSuffix(version, "+dirty") {
		const enough = 12
		version += " sha256:" + digest.Hex()[:enough]
	}
	return version
}
