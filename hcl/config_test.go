package hcl_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ablate/hcl"
)

func TestRemoteAndTrust(t *testing.T) {
	c, wrong := readConfig(t, `
remote {
  url       = "s3://lab/team"
  namespace = "alice@lab"
  read      = ["main", ""]
}
trust {
  keys = ["a"]
  namespace "main" {
    keys = ["b", "c"]
  }
  namespace "bob" {}
}
`)
	remote := hcl.RemoteConfig{URL: "s3://lab/team", Namespace: "alice@lab", Read: []string{"main", ""}}
	if diff := cmp.Diff(remote, c.Remote); wrong != "" || diff != "" {
		t.Errorf("ReadConfig reports %q and reads (-want +got):\n%s", wrong, diff)
	}
	if diff := cmp.Diff(map[string][]string{"main": {"b", "c"}, "bob": nil}, c.TrustIn); diff != "" || len(c.Trust) != 1 {
		t.Errorf("the trusted keys are %v and (-want +got):\n%s", c.Trust, diff)
	}
}

func TestWrongRemoteAndTrust(t *testing.T) {
	for text, want := range map[string]string{
		"remote {\n  namespace = \"my own\"\n}":                  "is not a valid name for a namespace",
		"remote {\n  read = [\"main\", \"a\\nb\"]\n}":            "is not a valid name for a namespace",
		"trust {\n  namespace \"a b\" {}\n}":                     "is not a valid name for a namespace",
		"trust {\n  namespace \"a\" {}\n  namespace \"a\" {}\n}": "are already declared above",
		"trust {\n  namespace \"a\" {\n    key = \"b\"\n  }\n}":  `Did you mean "keys"?`,
		"trust {\n  key = [\"a\"]\n}":                            `Did you mean "keys"?`,
		"trust {\n  namespace {\n    keys = []\n  }\n}":          "A namespace block has one label, its name",
		"remote \"a\" {}":                "A remote block has no labels: remote {.",
		"executor \"ssh\" {}":            `An executor block has two labels, its type and its label: executor "type" "label" {.`,
		"remote {\n  read = \"main\"\n}": "read",
		"remote {\n  namespace = \"" + strings.Repeat("x", 101) + "\"\n}": "is not a valid name for a namespace",
	} {
		if _, wrong := readConfig(t, text); !strings.Contains(wrong, want) || !strings.Contains(wrong, "config.hcl:") {
			t.Errorf("%s: %q, want %q and the place", text, wrong, want)
		}
	}
}
