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

// trust signs entries and checks signatures: Go's signed notes (ed25519) over
// an entry's key, the digest of the entry, and the namespace it is meant for.
type trust struct {
	signer   note.Signer
	asked    bool            // only what is signed is taken
	anywhere []note.Verifier // trusted in every namespace
	within   map[string][]note.Verifier
}

// Keygen makes a pair of keys for signing entries.
func Keygen(name string) (private, public string, err error) {
	if private, public, err = note.GenerateKey(rand.Reader, name); err != nil {
		return "", "", err
	}
	if _, err := note.NewSigner(private); err != nil {
		return "", "", errors.New("a name has no spaces and no +, and is not empty")
	}
	return private, public, nil
}

func newTrust(sign string, keys []string, within map[string][]string) (*trust, error) {
	t := &trust{asked: len(keys) > 0 || len(within) > 0, within: make(map[string][]note.Verifier)}
	if sign != "" {
		s, err := note.NewSigner(sign)
		if err != nil {
			return nil, fmt.Errorf("the key to sign with is no private key of ablate cache keygen: %w", err)
		}
		t.signer = s
	}
	var err error
	if t.anywhere, err = verifiers(keys); err != nil {
		return nil, err
	}
	for _, ns := range slices.Sorted(maps.Keys(within)) {
		if t.within[ns], err = verifiers(within[ns]); err != nil {
			return nil, fmt.Errorf("%s: %w", inNamespace(ns), err)
		}
	}
	return t, nil
}

func verifiers(keys []string) ([]note.Verifier, error) {
	var list []note.Verifier
	for _, k := range keys {
		v, err := note.NewVerifier(k)
		if strings.HasPrefix(k, "PRIVATE+KEY+") { // is not repeated here
			return nil, errors.New("a private key is trusted, which belongs to its owner alone: name the public key that ablate cache keygen printed")
		}
		if err != nil {
			return nil, fmt.Errorf("the trusted key %q is none of ablate cache keygen: %w", k, err)
		}
		list = append(list, v)
	}
	return list, nil
}

// trustedIn is what is trusted in a namespace.
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

// divide stands between an entry and its note.
var divide = []byte("\n\nablate note 1\n")

func noteText(namespace string, key cache.Key, text []byte) string {
	out := fmt.Sprintf("ablate entry\n%s\n%s\n", key, cache.DigestOf(text))
	if namespace != "" {
		out += fmt.Sprintf("namespace %q\n", namespace)
	}
	return out
}

// seal writes an entry for a namespace, signed where there is a key.
func (t *trust) seal(namespace string, e cache.Entry) []byte {
	text := cache.EncodeEntry(e.Shared())
	if t.signer == nil && namespace == "" {
		return text
	}
	about := []byte(noteText(namespace, e.Key, text))
	if t.signer != nil {
		var err error
		if about, err = note.Sign(&note.Note{Text: string(about)}, t.signer); err != nil {
			panic("remote: signing with a key of our own: " + err.Error())
		}
	}
	return bytes.Join([][]byte{text, about}, divide)
}

// sealed is an entry with what is written beside it.
type sealed struct {
	entry     cache.Entry
	text      []byte // of the entry
	namespace string // for which it was written
	note      []byte // nil when it is not signed
}

// unseal takes an entry apart, and trusts nothing of it.
func unseal(raw []byte) (sealed, error) {
	var s sealed
	var about []byte
	var err error
	s.text, about, _ = bytes.Cut(raw, divide)
	if s.entry, err = cache.DecodeEntry(s.text); err != nil {
		return s, fmt.Errorf("its entry is damaged: %w", err)
	}
	if bytes.Contains(about, []byte("\n\n\u2014 ")) {
		s.note = about
	}
	const line, lines = 3, 5
	if said := strings.SplitN(string(about), "\n", lines); len(said) > line && said[line] != "" {
		quoted, ok := strings.CutPrefix(said[line], "namespace ")
		if s.namespace, err = strconv.Unquote(quoted); !ok || err != nil {
			return s, errors.New("its entry is damaged: it does not say for which namespace it was written")
		}
	}
	return s, nil
}

// open reads the entry that stands in a namespace, and refuses one that was
// written for another, or that nobody trusted there has signed.
func (t *trust) open(namespace string, raw []byte) (cache.Entry, error) {
	s, err := unseal(raw)
	if err != nil {
		return s.entry, err
	}
	if s.namespace != namespace {
		return s.entry, fmt.Errorf("it was written for %s, and somebody has moved it", inNamespace(s.namespace))
	}
	if !t.asked {
		return s.entry, nil
	}
	if s.note == nil {
		return s.entry, errors.New("the entry is not signed, and only signed ones are trusted here")
	}
	n, err := note.Open(s.note, trustedIn{t, namespace})
	var unverified *note.UnverifiedNoteError
	switch {
	case errors.As(err, &unverified):
		return s.entry, fmt.Errorf("nobody who is trusted %s has signed the entry (%s)", t.where(namespace), t.signers(unverified.Note))
	case err != nil:
		return s.entry, fmt.Errorf("the entry's signature is wrong: %w", err)
	case n.Text != noteText(namespace, s.entry.Key, s.text):
		return s.entry, errors.New("the entry's signature is that of another entry")
	}
	return s.entry, nil
}

// where says where somebody is not trusted.
func (t *trust) where(namespace string) string {
	if namespace == "" && len(t.within) == 0 {
		return "here"
	}
	return "in " + inNamespace(namespace)
}

// signers names who signed, and where else they are trusted.
func (t *trust) signers(n *note.Note) string {
	if len(n.UnverifiedSigs) == 0 {
		return "nobody has"
	}
	by := n.UnverifiedSigs[0]
	for _, ns := range slices.Sorted(maps.Keys(t.within)) {
		if _, err := (trustedIn{t, ns}).Verifier(by.Name, by.Hash); err == nil {
			return fmt.Sprintf("%s has, who is trusted in %s", by.Name, inNamespace(ns))
		}
	}
	return by.Name + " has"
}

// inNamespace names a namespace in messages.
func inNamespace(namespace string) string {
	if namespace == "" {
		return "the default namespace"
	}
	return fmt.Sprintf("namespace %q", namespace)
}
