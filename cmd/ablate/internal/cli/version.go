package cli

import (
	"context"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"ablate/cache"
	"ablate/cmd/ablate/internal/view"
	"ablate/stages"
)

func versionCommand(s *session) *cobra.Command {
	var r versionRequest
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version of the program and of its libraries",
		Long: "version prints the version of the program, of its toolchain and of the libraries that decide\n" +
			"results. With --backends it also lists the backends: what was found of each, or why it cannot\n" +
			"be used here." + exitCodes(""),
		Example: "  ablate version --json\n  ablate version --backends",
		Args:    noArgs,
		RunE:    does(s, &r),
	}
	c.Flags().BoolVar(&r.Backends, "backends", false, "also list the backends and what is missing for them")
	return c
}

// versionRequest asks for the version of the program.
type versionRequest struct{ Backends bool }

func (r versionRequest) do(_ context.Context, s *session) error {
	s.show(build())
	if r.Backends {
		for _, b := range stages.Backends() {
			s.show(backendEvent(b))
		}
	}
	return nil
}

// build describes the running program.
func build() view.Build {
	e := view.Build{Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, Version: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return e
	}
	e.Version = info.Main.Version
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			e.Revision = setting.Value
		}
	}
	libraries := map[string]*string{"github.com/gomlx/gomlx": &e.GoMLX, "github.com/gomlx/compute": &e.Compute, "github.com/hashicorp/hcl/v2": &e.HCL}
	for _, dep := range info.Deps {
		if field := libraries[dep.Path]; field != nil {
			*field = dep.Version
		}
	}
	return e
}

func backendEvent(b stages.Backend) view.Backend {
	e := view.Backend{Name: b.Name, Usable: b.Usable, Problem: b.Problem, API: b.API, Class: b.Class}
	if p := b.Plugin; p != nil {
		e.Plugin = &view.Plugin{Path: p.Path, Origin: p.Origin, Found: p.Found, Versions: p.Versions}
	}
	for _, d := range b.Devices {
		e.Devices = append(e.Devices, view.Device{Name: d.Name, Memory: d.Memory, Driver: d.Driver})
	}
	return e
}

// programVersion tells this program from others by its version or, for a development
// build, by the digest of its executable.
func programVersion(digest cache.Digest) string {
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	if version == "(devel)" || strings.HasSuffix(version, "+dirty") {
		const digits = 12
		version += " sha256:" + digest.Hex()[:digits]
	}
	return version
}
