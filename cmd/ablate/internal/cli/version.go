package cli

import (
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cmd/ablate/internal/view"
	"ablate/stages"
)

// libraries whose versions decide what a binary computes.
var libraries = []string{"github.com/gomlx/gomlx", "github.com/gomlx/compute", "github.com/hashicorp/hcl/v2"}

func (g *globals) versionCommand() *cobra.Command {
	var backends bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version of the program and of what it computes with",
		Long: "version prints the program's version, toolchain and the libraries that decide results.\n" +
			"With --backends it also lists where trials can run: what was found of each backend, or\n" +
			"why it is not usable here." + codes(""),
		Example: "  ablate version --json\n  ablate version --backends",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			o := map[string]string{"type": "build", "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH, "version": "unknown"}
			var b strings.Builder
			if info, ok := debug.ReadBuildInfo(); ok {
				o["version"] = info.Main.Version
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
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
			if backends {
				g.listBackends()
			}
			return nil
		},
	}
	c.Flags().BoolVar(&backends, "backends", false, "also list where trials can run, and what is missing for the rest")
	return c
}

// listBackends prints what was found of each backend.
func (g *globals) listBackends() {
	for _, s := range stages.Backends() {
		g.view().Object(struct {
			Type string `json:"type"`
			stages.Backend
		}{"backend", s})
		g.view().Text(backendText(s))
	}
}

func backendText(s stages.Backend) string {
	var b strings.Builder
	if s.Usable {
		fmt.Fprintf(&b, "%s: usable\n", s.Name)
	} else {
		fmt.Fprintf(&b, "%s: not usable: %s\n", s.Name, s.Problem)
	}
	for _, d := range s.Devices {
		fmt.Fprintf(&b, "  device %s, %sB of memory, driver %s\n", d.Name, view.Quantity(float64(d.Memory)), d.Driver)
	}
	if p := s.Plugin; p != nil {
		fmt.Fprintf(&b, "  plugin %s, found by %s\n", p.Origin, p.Found)
		if s.API != "" {
			fmt.Fprintf(&b, "  version %s of the PJRT interface\n", s.API)
		}
		for _, name := range slices.Sorted(maps.Keys(p.Versions)) {
			fmt.Fprintf(&b, "  %s %s\n", name, p.Versions[name])
		}
	}
	return b.String()
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
