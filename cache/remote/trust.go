package remote

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"ablate/cache"
)

// trust signs entries and checks signatures: Go's signed notes (ed25519) over
// an entry's key and the digest of the entry.
type trust struct {
	signer    note.Signer
	verifiers note.Verifiers // nil: everything is taken
}

// Keygen makes a pair of keys for signing entries.
func Keygen(name string) (private, public string, err error) {
	return note.GenerateKey(rand.Reader, name)
}

func newTrust(sign string, keys []string) (*trust, error) {
	t := &trust{}
	if sign != "" {
		s, err := note.NewSigner(sign)
		if err != nil {
			return nil, fmt.Errorf("the key to sign with is none of ablate cache keygen: %w", err)
		}
		t.signer = s
	}
	var list []note.Verifier
	for _, k := range keys {
		v, err := note.NewVerifier(k)
		if err != nil {
			return nil, fmt.Errorf("the trusted key %q is none of ablate cache keygen: %w", k, err)
		}
		list = append(list, v)
	}
	if list != nil {
		t.verifiers = note.VerifierList(list...)
	}
	return t, nil
}

// divide stands between an entry and its note.
var divide = []byte("\n\nablate note 1\n")

func noteText(e cache.Entry, text []byte) string {
	return fmt.Sprintf("ablate entry\n%s\n%s\n", e.Key, cache.DigestOf(text))
}

// seal writes an entry, signed where there is a key.
func (t *trust) seal(e cache.Entry) []byte {
	text := cache.EncodeEntry(e)
	if t.signer == nil {
		return text
	}
	signed, err := note.Sign(&note.Note{Text: noteText(e, text)}, t.signer)
	if err != nil {
		panic("remote: signing with a key of our own: " + err.Error())
	}
	return bytes.Join([][]byte{text, signed}, divide)
}

// open reads an entry, and refuses one that nobody trusted has signed.
func (t *trust) open(sealed []byte) (cache.Entry, error) {
	text, signed, isSigned := bytes.Cut(sealed, divide)
	e, err := cache.DecodeEntry(text)
	if err != nil {
		return e, fmt.Errorf("its entry is damaged: %w", err)
	}
	if t.verifiers == nil {
		return e, nil
	}
	if !isSigned {
		return e, errors.New("the entry is not signed, and only signed ones are trusted here")
	}
	n, err := note.Open(signed, t.verifiers)
	var unverified *note.UnverifiedNoteError
	switch {
	case errors.As(err, &unverified):
		return e, fmt.Errorf("nobody who is trusted here has signed the entry (%s has)", signers(unverified.Note))
	case err != nil:
		return e, fmt.Errorf("the entry's signature is wrong: %w", err)
	case n.Text != noteText(e, text):
		return e, errors.New("the entry's signature is that of another entry")
	}
	return e, nil
}

func signers(n *note.Note) string {
	if len(n.UnverifiedSigs) == 0 {
		return "nobody"
	}
	return n.UnverifiedSigs[0].Name
}
