// Package remote shares entries and blobs with other machines through a folder,
// an object store, or a server of Bazel's HTTP cache protocol.
//
// All of them hold the same two kinds of objects: ac/<key>, a Bazel ActionResult
// that names an entry's artifacts and contains the entry, and cas/<sha256>, the
// blobs. Everything that comes from a remote is checked before the local store
// shows it: blobs against their digest and size, entries against their key and,
// where trust names keys, their signature.
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
	// get opens an object. If there is none, the error is errAbsent.
	get(ctx context.Context, name string) (io.ReadCloser, error)
	// has reports whether there is an object. One of another size than that, where it
	// is not negative, counts as missing if put would replace it.
	has(ctx context.Context, name string, size int64) (bool, error)
	// put stores an object unless there is one of that name. A transport that
	// cannot guarantee this lets a second writer win. A blob of the wrong size may be
	// replaced, since it is damaged.
	put(ctx context.Context, name string, o object) error
	// check reports a transport that is not a cache: a missing bucket, a folder
	// that is not mounted, a web page.
	check(ctx context.Context) error
}

// object is what put stores. open is called again when a transfer is retried.
type object struct {
	digest cache.Digest
	size   int64
	open   func() (io.ReadCloser, error)
}

// errAbsent reports that there is no object of a name.
var errAbsent = errors.New("the remote does not have it")

// errPage reports that what answers is not a cache.
var errPage = errors.New("it has an object that nobody stored: a proxy or a login page answers in place of the store")

// newTransport opens a remote by its address. The token is sent over HTTP.
func newTransport(ctx context.Context, address, token string) (transport, error) {
	u, err := url.Parse(address)
	if err != nil && strings.Contains(address, "://") {
		var wrong *url.Error
		if errors.As(err, &wrong) {
			err = wrong.Err // the rest repeats the address, with its password
		}
		return nil, fmt.Errorf("%q is not an address: %w", redact(address), err)
	}
	if err != nil { // for example, of host:port
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
	return nil, fmt.Errorf("%q must start with file://, http://, https://, s3://, gs:// or azblob://, for example file:///folder, https://host/path or s3://bucket/prefix", redact(address))
}

func acName(ns string, k cache.Key) string { return "ac/" + placeOf(ns, k).String() }
func casName(d cache.Digest) string        { return "cas/" + d.Hex() }

// placeOf is the hash under which a namespace stores the entry of a key. Every
// protocol has room for a hash, and few for more.
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

// adviseConnection says what to do about a connection that failed, or "".
func adviseConnection(err error) string {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	var name *net.DNSError
	switch {
	case errors.As(err, &authority), errors.As(err, &host):
		return "the server's certificate is not trusted: set SSL_CERT_FILE to a file with the certificates to trust"
	case errors.As(err, &record), strings.Contains(err.Error(), "HTTP response to HTTPS client"):
		return "the server does not use TLS: write http:// instead of https://"
	case errors.As(err, &name):
		return "unknown host: check the address"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "no server listens at this address: check it, or start the server"
	}
	return ""
}
