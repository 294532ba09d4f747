package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestFileNames(t *testing.T) {
	got := fileNames([]string{"effects-forest", `effects["part=a/b"]-forest`, `effects["part=a:b"]-forest`, "../../etc/passwd", "Cells", "cells", "", "map-loss\x1b[31m.svg", strings.Repeat("ä", 100) + ".png"})
	want := []string{"effects-forest", "effects-part=a-b-forest", "effects-part=a-b-forest-2", "etc-passwd", "Cells", "cells-2", "file", "map-loss-31m.svg", strings.Repeat("ä", 60) + ".png"}
	if !slices.Equal(got, want) {
		t.Errorf("fileNames =\n%q, want\n%q", got, want)
	}
}
