package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// Digest is the SHA-256 of bytes: it names content.
type Digest [sha256.Size]byte

// Key is the SHA-256 of the full description of one action. It names a
// computation, never bytes; a type of its own keeps the two apart.
type Key [sha256.Size]byte

const digestPrefix = "sha256:"

// DigestOf returns the digest of b.
func DigestOf(b []byte) Digest { return sha256.Sum256(b) }

// String returns "sha256:" and 64 hexadecimal digits.
func (d Digest) String() string { return digestPrefix + hex.EncodeToString(d[:]) }

// Hex returns the digest without its prefix, as file names use it.
func (d Digest) Hex() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether the digest was never set.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText writes the digest as String does.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Digest) UnmarshalText(b []byte) error {
	v, err := ParseDigest(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// ParseDigest reads "sha256:…".
func ParseDigest(s string) (Digest, error) {
	hexed, ok := strings.CutPrefix(s, digestPrefix)
	if !ok {
		return Digest{}, fmt.Errorf("digest %q does not begin with %q", s, digestPrefix)
	}
	b, err := parseHash(hexed)
	return Digest(b), err
}

// String returns 64 hexadecimal digits.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// IsZero reports whether the key was never set.
func (k Key) IsZero() bool { return k == Key{} }

// MarshalText writes the key as String does.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *Key) UnmarshalText(b []byte) error {
	v, err := ParseKey(string(b))
	if err != nil {
		return err
	}
	*k = v
	return nil
}

// ParseKey reads 64 hexadecimal digits.
func ParseKey(s string) (Key, error) {
	b, err := parseHash(s)
	return Key(b), err
}

func parseHash(s string) (out [sha256.Size]byte, err error) {
	if len(s) != hex.EncodedLen(len(out)) || hasUpper(s) {
		return out, fmt.Errorf("%q is not %d lower-case hexadecimal digits", s, hex.EncodedLen(len(out)))
	}
	if _, err := hex.Decode(out[:], []byte(s)); err != nil {
		return out, fmt.Errorf("%q is not hexadecimal: %w", s, err)
	}
	return out, nil
}

// hasUpper reports whether a text has an upper-case letter of ASCII. A lookup asks it of
// the name of every blob.
func hasUpper(s string) bool {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return true
		}
	}
	return false
}

// Digester computes the digest of what is written to it.
type Digester struct{ hash.Hash }

// NewDigester returns a Digester that was given no bytes.
func NewDigester() Digester { return Digester{sha256.New()} }

// Digest returns the digest of everything written so far.
func (d Digester) Digest() Digest { return Digest(d.Sum(nil)) }
