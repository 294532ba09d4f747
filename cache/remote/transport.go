// Package remote shares entries and blobs with other machines: over a folder,
// an object store, or HTTP in Bazel's cache protocol.
//
// All of them hold the same two things: ac/<key>, a Bazel ActionResult that
// names an entry's artifacts and carries the entry, and cas/<sha256>, the
// blobs. What comes from outside is verified by its digest before anybody sees
// it; an entry only when its signature is trusted, where signatures are asked
// for.
package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"

	"ablate/cache"
)

// transport moves named objects. A name is ac/ or cas/ and a hash.
type transport interface {
	// get opens an object; errAbsent when there is none.
	get(ctx context.Context, name string) (io.ReadCloser, error)
	// has reports whether an object is there.
	has(ctx context.Context, name string) (bool, error)
	// put stores an object if there is none of the name. Where the transport
	// cannot promise that, a second writer wins.
	put(ctx context.Context, name string, o object) error
	// check reports a transport that is not what it should be: an absent
	// bucket, a folder that is not mounted, a page instead of a cache.
	check(ctx context.Context) error
}

// object is what is stored: its digest, its size, and its bytes, which may be
// asked for again when a transfer is repeated.
type object struct {
	digest cache.Digest
	size   int64
	open   func() (io.ReadCloser, error)
}

// errAbsent says that there is no object of a name.
var errAbsent = errors.New("it is not there")

// errPage says that something answers, and that it is no store.
var errPage = errors.New("it has an object that nobody made: a proxy or a login page, which is a web page for everything, stands before the store")

// newTransport opens a remote by its address. token is sent as a bearer token
// over HTTP.
func newTransport(ctx context.Context, address, token string) (transport, error) {
	u, err := url.Parse(address)
	if err != nil && strings.Contains(address, "://") {
		return nil, fmt.Errorf("%q is no address: %w", address, err)
	}
	if err != nil { // as of host:port
		u = &url.URL{}
	}
	switch u.Scheme {
	case "file":
		return newFolder(u)
	case "http", "https":
		return newHTTP(u, token), nil
	case "s3":
		return newS3(ctx, u)
	case "gs":
		return newGS(ctx, u)
	case "azblob":
		return newAzure(ctx, u)
	}
	return nil, fmt.Errorf("%q is none of file:///folder, http(s)://host/path, s3://bucket/prefix, gs://bucket/prefix, azblob://container/prefix", address)
}

func acName(ns string, k cache.Key) string { return "ac/" + placeOf(ns, k).String() }
func casName(d cache.Digest) string        { return "cas/" + d.Hex() }

// placeOf is under which name a namespace has an entry: every protocol has room
// for a hash, and few for more.
func placeOf(ns string, k cache.Key) cache.Key {
	if ns == "" {
		return k
	}
	return cache.List(cache.String(ns), cache.String(k.String())).Key("ablate namespace v1")
}

// digestOf is the digest in a cas name.
func digestOf(name string) (cache.Digest, bool) {
	hex, ok := strings.CutPrefix(name, "cas/")
	if !ok {
		return cache.Digest{}, false
	}
	d, err := cache.ParseDigest("sha256:" + hex)
	return d, err == nil
}

// adviseConnection says what to do about a connection that fails; "" where there
// is nothing to say.
func adviseConnection(err error) string {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	var name *net.DNSError
	switch {
	case errors.As(err, &authority), errors.As(err, &host):
		return "the server's certificate is not trusted here; SSL_CERT_FILE names a file of certificates that are"
	case errors.As(err, &record), strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return "the server does not speak TLS; is its address http:// and not https://?"
	case errors.As(err, &name):
		return "no machine of this name is known: check the address"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens at this address: check it, or start the server"
	}
	return ""
}
