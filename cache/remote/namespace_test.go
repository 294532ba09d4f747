package remote

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ablate/cache"
	"ablate/cache/cachetest"
)

// result is an entry of a key whose artifact names who computed it.
func result(t *testing.T, k cache.Key, who string) (*cache.Local, cache.Entry) {
	t.Helper()
	s := cachetest.Memory(t)
	e, err := s.Publish(context.Background(), cachetest.Entry(k, cachetest.Put(t, s, who), len(who)))
	if err != nil {
		t.Fatal(err)
	}
	return s, e
}

func TestNamespaces(t *testing.T) {
	ctx := context.Background()
	for name, start := range map[string]func(*testing.T) string{
		"folder": func(t *testing.T) string { return "file://" + t.TempDir() },
		"http":   func(t *testing.T) string { url, _ := served(t, "", nil); return url },
	} {
		t.Run(name, func(t *testing.T) {
			url := start(t)
			k := cachetest.Key("k")
			for _, ns := range []string{"", "main", "alice"} {
				from, e := result(t, k, "of "+ns)
				if _, err := connect(t, Options{URL: url, Namespace: ns}).Push(ctx, from, e, nil); err != nil {
					t.Fatal(err)
				}
			}
			for _, c := range []struct {
				ns   string
				read []string
				want string
			}{
				{"", nil, "of "}, {"main", nil, "of main"}, {"alice", []string{"main"}, "of alice"}, {"bob", []string{"main", "alice"}, "of main"},
				{"bob", []string{"nobody", "alice", "main"}, "of alice"}, {"bob", []string{""}, "of "}, {"bob", nil, ""},
			} {
				r, to := connect(t, Options{URL: url, Namespace: c.ns, Read: c.read}), cachetest.Memory(t)
				found, err := r.Find(ctx, k)
				if err != nil {
					t.Fatal(err)
				}
				got := ""
				if found[0] != nil {
					if _, err := r.Pull(ctx, to, *found[0], nil); err != nil {
						t.Fatal(err)
					}
					raw, err := cache.ReadAll(ctx, to, found[0].Artifacts[0].Digest)
					if err != nil {
						t.Fatal(err)
					}
					got = string(raw)
				}
				if got != c.want {
					t.Errorf("in %q, then %q: got %q, want %q", c.ns, c.read, got, c.want)
				}
			}
		})
	}
}

// The default namespace has the layout of remotes without namespaces.
func TestDefaultNamespace(t *testing.T) {
	_, e := result(t, cachetest.Key("k"), "x")
	if got, want := (&trust{}).seal("", e), cache.EncodeEntry(e.Shared()); !bytes.Equal(got, want) {
		t.Errorf("an entry is written as\n%s\nand not as\n%s", got, want)
	}
	if got, want := acName("", e.Key), "ac/"+e.Key.String(); got != want {
		t.Errorf("it is at %s and not at %s", got, want)
	}
	private, public, err := Keygen("alice")
	if err != nil {
		t.Fatal(err)
	}
	tr, err := newTrust(private, []string{public}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, note, _ := bytes.Cut(tr.seal("", e), noteSeparator)
	if want := "ablate entry\n" + e.Key.String() + "\n" + cache.DigestOf(cache.EncodeEntry(e.Shared())).String() + "\n\n"; !strings.HasPrefix(string(note), want) {
		t.Errorf("the signed note is %q, want %q first", note, want)
	}
}

// A writer who is trusted in one namespace cannot publish in another.
func TestTrustInNamespaces(t *testing.T) {
	ctx := context.Background()
	k := cachetest.Key("k")
	ci, ciPublic, err := Keygen("ci")
	if err != nil {
		t.Fatal(err)
	}
	alice, alicePublic, err := Keygen("alice")
	if err != nil {
		t.Fatal(err)
	}
	trusting := Options{Namespace: "bob", Read: []string{"main", "alice"}, TrustIn: map[string][]string{"main": {ciPublic}, "alice": {alicePublic}}}
	for name, c := range map[string]struct {
		namespace, sign string
		move            string // where it is copied to
		trust           []string
		want            string // "": it is taken
	}{
		"the machine that may":        {namespace: "main", sign: ci},
		"her own namespace":           {namespace: "alice", sign: alice},
		"a key of another namespace":  {namespace: "main", sign: alice, want: `no key that is trusted in namespace "main" has signed it (alice did, who is trusted in namespace "alice")`},
		"unsigned":                    {namespace: "main", want: `in namespace "main" at `},
		"moved":                       {namespace: "alice", sign: alice, move: "main", want: `it was written for namespace "alice" and moved here`},
		"moved from the default":      {namespace: "", sign: ci, move: "main", want: "it was written for the default namespace"},
		"a key that counts anywhere":  {namespace: "alice", sign: ci, trust: []string{ciPublic}},
		"no key of ours is in there":  {namespace: "bob", sign: alice, want: `no key that is trusted in namespace "bob"`},
		"moved and signed, unchecked": {namespace: "alice", sign: alice, move: "main", trust: []string{alicePublic}, want: "and moved here"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			url := "file://" + dir
			from, e := result(t, k, name)
			if _, err := connect(t, Options{URL: url, Namespace: c.namespace, Sign: c.sign}).Push(ctx, from, e, nil); err != nil {
				t.Fatal(err)
			}
			if c.move != "" {
				rename(t, filepath.Join(dir, place(acName(c.namespace, k))), filepath.Join(dir, place(acName(c.move, k))))
			}
			o := trusting
			o.URL, o.Trust = url, c.trust
			found, err := connect(t, o).Find(ctx, k)
			switch {
			case c.want == "" && (err != nil || found[0] == nil):
				t.Errorf("Find = %v, %v, want the entry", found, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), k.String())):
				t.Errorf("got %v, want %q and the key", err, c.want)
			}
		})
	}
}

// What is refused in one namespace may be found in the next.
func TestRefusedInOneNamespace(t *testing.T) {
	ctx := context.Background()
	k := cachetest.Key("k")
	ci, public, err := Keygen("ci")
	if err != nil {
		t.Fatal(err)
	}
	url := "file://" + t.TempDir()
	bad, e := result(t, k, "bad")
	if _, err := connect(t, Options{URL: url, Namespace: "bob"}).Push(ctx, bad, e, nil); err != nil {
		t.Fatal(err)
	}
	good, e := result(t, k, "good")
	if _, err := connect(t, Options{URL: url, Namespace: "main", Sign: ci}).Push(ctx, good, e, nil); err != nil {
		t.Fatal(err)
	}
	var told []error
	r := connect(t, Options{URL: url, Namespace: "bob", Read: []string{"main"}, Trust: []string{public}, Refused: func(err error) { told = append(told, err) }})
	found, err := r.Find(ctx, k)
	if err != nil || found[0] == nil || found[0].Artifacts[0].Digest != e.Artifacts[0].Digest || len(told) != 1 || !strings.Contains(told[0].Error(), `namespace "bob"`) {
		t.Errorf("Find = %v, %v; told %v", found, err, told)
	}
}

// A signature does not hold for another namespace.
func TestSignatureCoversTheNamespace(t *testing.T) {
	private, public, err := Keygen("alice")
	if err != nil {
		t.Fatal(err)
	}
	tr, err := newTrust(private, []string{public}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, e := result(t, cachetest.Key("k"), "x")
	for _, c := range []struct{ from, to, was, is string }{
		{"alice", "main", "namespace \"alice\"\n", "namespace \"main\"\n"},
		{"alice", "", "namespace \"alice\"\n", ""},
	} {
		raw := bytes.Replace(tr.seal(c.from, e), []byte(c.was), []byte(c.is), 1)
		if _, err := tr.open(c.to, raw); err == nil || !strings.Contains(err.Error(), "signature is wrong") {
			t.Errorf("an entry for %q, said to be for %q: %v", c.from, c.to, err)
		}
	}
}

// A server accepts an entry only in the place of its namespace, and does not treat a
// namespace's entry as its own.
func TestServedNamespaces(t *testing.T) {
	ctx := context.Background()
	url, store := served(t, "", nil)
	k := cachetest.Key("k")
	from, e := result(t, k, "of alice")
	r := connect(t, Options{URL: url, Namespace: "alice"})
	if _, err := r.Push(ctx, from, e, nil); err != nil {
		t.Fatal(err)
	}
	if own, err := store.Lookup(ctx, k); err != nil || own[0].OK {
		t.Errorf("the server's own store has it: %v, %v", own, err)
	}
	body, err := r.t.get(ctx, acName("alice", k))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"", "main"} {
		if err := r.t.put(ctx, acName(to, k), bytesObject(raw)); err == nil || !strings.Contains(err.Error(), "400") {
			t.Errorf("moving it to %q: %v", to, err)
		}
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
