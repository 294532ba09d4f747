package remote

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"ablate/cache"
)

// trust signs entries and checks signatures. They are Go's signed notes (ed25519)
// over the key of an entry, the digest of the entry, and its namespace.
type trust struct {
	signer   note.Signer
	required bool            // unsigned entries are refused
	anywhere []note.Verifier // trusted in every namespace
	within   map[string][]note.Verifier
}

// Keygen generates a pair of keys for signing entries.
func Keygen(name string) (private, public string, err error) {
	if private, public, err = note.GenerateKey(rand.Reader, name); err != nil {
		return "", "", err
	}
	if _, err := note.NewSigner(private); err != nil {
		return "", "", errors.New("a name must not be empty and must not contain spaces or +")
	}
	return private, public, nil
}

func newTrust(sign string, keys []string, within map[string][]string) (*trust, error) {
	t := &trust{required: len(keys) > 0 || len(within) > 0, within: make(map[string][]note.Verifier)}
	if sign != "" {
		s, err := note.NewSigner(sign)
		if err != nil {
			return nil, fmt.Errorf("the signing key is not a private key from `ablate cache keygen`: %w", err)
		}
		t.signer = s
	}
	var err error
	if t.anywhere, err = verifiers(keys); err != nil {
		return nil, err
	}
	for _, ns := range slices.Sorted(maps.Keys(within)) {
		if t.within[ns], err = verifiers(within[ns]); err != nil {
			return nil, fmt.Errorf("%s: %w", namespaceText(ns), err)
		}
	}
	return t, nil
}

func verifiers(keys []string) ([]note.Verifier, error) {
	var list []note.Verifier
	for _, k := range keys {
		v, err := note.NewVerifier(k)
		if strings.HasPrefix(k, "PRIVATE+KEY+") { // must not appear in a message
			return nil, errors.New("trust names a private key, which only its owner may have: name the public key that `ablate cache keygen` printed")
		}
		if err != nil {
			return nil, fmt.Errorf("the trusted key %q is not from `ablate cache keygen`: %w", k, err)
		}
		list = append(list, v)
	}
	return list, nil
}

// trustedIn are the keys that are trusted in a namespace.
type trustedIn struct {
	*trust
	namespace string
}

// Verifier implements note.Verifiers.
func (t trustedIn) Verifier(name string, hash uint32) (note.Verifier, error) {
	for _, list := range [][]note.Verifier{t.anywhere, t.within[t.namespace]} {
		for _, v := range list {
			if v.Name() == name && v.KeyHash() == hash {
				return v, nil
			}
		}
	}
	return nil, &note.UnknownVerifierError{Name: name, KeyHash: hash}
}

// noteSeparator separates an entry from its note.
var noteSeparator = []byte("\n\nablate note 1\n")

func noteText(namespace string, key cache.Key, text []byte) string {
	out := fmt.Sprintf("ablate entry\n%s\n%s\n", key, cache.DigestOf(text))
	if namespace != "" {
		out += fmt.Sprintf("namespace %q\n", namespace)
	}
	return out
}

// seal writes an entry for a namespace. It is signed if there is a key, and the
// entry is one that this machine vouches for.
func (t *trust) seal(namespace string, e cache.Entry) []byte {
	text := cache.EncodeEntry(e.Shared())
	sign := t.signer != nil && e.Signable()
	if !sign && namespace == "" {
		return text
	}
	about := []byte(noteText(namespace, e.Key, text))
	if sign {
		var err error
		if about, err = note.Sign(&note.Note{Text: string(about)}, t.signer); err != nil {
			panic("remote: signing with a valid key: " + err.Error())
		}
	}
	return bytes.Join([][]byte{text, about}, noteSeparator)
}

// sealed is an entry as remotes hold it.
type sealed struct {
	entry     cache.Entry
	text      []byte // of the entry
	namespace string // that it was written for
	note      []byte // nil if it is not signed
}

// unseal parses an entry and checks no signature.
func unseal(raw []byte) (sealed, error) {
	var s sealed
	var about []byte
	var err error
	s.text, about, _ = bytes.Cut(raw, noteSeparator)
	if s.entry, err = cache.DecodeEntry(s.text); err != nil {
		return s, fmt.Errorf("its entry is damaged: %w", err)
	}
	if isSigned(raw) {
		s.note = about
	}
	const line, lines = 3, 5
	if said := strings.SplitN(string(about), "\n", lines); len(said) > line && said[line] != "" {
		quoted, ok := strings.CutPrefix(said[line], "namespace ")
		if s.namespace, err = strconv.Unquote(quoted); !ok || err != nil {
			return s, errors.New("its entry is damaged: it does not name its namespace")
		}
	}
	s.entry.Origin = "" // is for this machine to say
	return s, nil
}

// isSigned reports whether a sealed entry has a signature, by whomever.
func isSigned(raw []byte) bool {
	_, about, _ := bytes.Cut(raw, noteSeparator)
	return bytes.Contains(about, []byte("\n\n\u2014 "))
}

// open reads the entry found in a namespace. It refuses one that was written for
// another namespace, or that no key trusted there has signed.
func (t *trust) open(namespace string, raw []byte) (cache.Entry, error) {
	s, err := unseal(raw)
	if err != nil {
		return s.entry, err
	}
	if s.namespace != namespace {
		return s.entry, fmt.Errorf("it was written for %s and moved here", namespaceText(s.namespace))
	}
	if !t.required {
		return s.entry, nil
	}
	if s.note == nil {
		return s.entry, errors.New("it is not signed, and trust requires a signature")
	}
	n, err := note.Open(s.note, trustedIn{t, namespace})
	var unverified *note.UnverifiedNoteError
	switch {
	case errors.As(err, &unverified):
		return s.entry, fmt.Errorf("no key that is trusted %s has signed it (%s)", t.where(namespace), t.signers(unverified.Note))
	case err != nil:
		return s.entry, fmt.Errorf("its signature is wrong: %w", err)
	case n.Text != noteText(namespace, s.entry.Key, s.text):
		return s.entry, errors.New("its signature belongs to another entry")
	}
	s.entry.Origin = cache.Verified
	return s.entry, nil
}

// where names the place where a key is not trusted.
func (t *trust) where(namespace string) string {
	if namespace == "" && len(t.within) == 0 {
		return "here"
	}
	return "in " + namespaceText(namespace)
}

// signers names who signed, and where their key is trusted instead.
func (t *trust) signers(n *note.Note) string {
	if len(n.UnverifiedSigs) == 0 {
		return "nobody signed it"
	}
	by := n.UnverifiedSigs[0]
	for _, ns := range slices.Sorted(maps.Keys(t.within)) {
		if _, err := (trustedIn{t, ns}).Verifier(by.Name, by.Hash); err == nil {
			return fmt.Sprintf("%s did, who is trusted in %s", by.Name, namespaceText(ns))
		}
	}
	return by.Name + " did"
}

// namespaceText names a namespace in messages.
func namespaceText(namespace string) string {
	if namespace == "" {
		return "the default namespace"
	}
	return fmt.Sprintf("namespace %q", namespace)
}
