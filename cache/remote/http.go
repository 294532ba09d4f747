package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"ablate/cache"
)

// bazel is a server of Bazel's HTTP cache protocol: our own, bazel-remote, or a
// web server with PUT. The protocol has no write that fails where something is stored.
type bazel struct {
	base   string // without user and password
	user   *url.Userinfo
	token  string
	client *retryablehttp.Client
}

// How often a request is retried when the server is too busy.
const (
	retries = 4
	waitMax = 10 * time.Second
)

// waitMin is the wait before the first retry, unless the server asks for
// another. Tests shorten it.
var waitMin = 200 * time.Millisecond

func newHTTP(u *url.URL, token string) *bazel {
	c := retryablehttp.NewClient() // honours Retry-After
	c.Logger = nil
	c.RetryMax, c.RetryWaitMin, c.RetryWaitMax = retries, waitMin, waitMax
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	c.HTTPClient.CheckRedirect = checkRedirect
	c.CheckRetry = func(ctx context.Context, resp *http.Response, err error) (bool, error) {
		if resp != nil && retryAfter(resp) > waitMax || errors.Is(err, errRedirects) {
			return false, nil
		}
		return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
	}
	base := *u
	base.User = nil
	return &bazel{base: strings.TrimSuffix(base.String(), "/"), user: u.User, token: token, client: c}
}

// errRedirects reports a redirect loop.
var errRedirects = errors.New("too many redirects")

// checkRedirect follows a few redirects, and sends credentials only to the host
// and port that the user named, over the same protocol.
func checkRedirect(req *http.Request, via []*http.Request) error {
	const most = 5
	if len(via) > most {
		return errRedirects
	}
	if first := via[0].URL; req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
		req.Header.Del("Authorization")
	}
	return nil
}

// retryAfter is how long a server asks clients to wait.
func retryAfter(resp *http.Response) time.Duration {
	value := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(seconds, int64(math.MaxInt64/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return time.Until(at)
	}
	return 0
}

// check asks for the empty blob, which most servers of the protocol always have.
// A server that lacks it must accept it: one that answers "not found" to
// everything is not an empty cache. Nor is one that has everything.
func (b *bazel) check(ctx context.Context) error {
	empty := casName(cache.DigestOf(nil))
	there, err := b.has(ctx, empty, -1)
	if err != nil {
		return err
	}
	if there {
		if there, err = b.has(ctx, casName(cache.DigestOf([]byte("ablate: nobody stores this"))), -1); there {
			return errPage
		}
		return err
	}
	if err := b.put(ctx, empty, bytesObject(nil)); err != nil {
		return fmt.Errorf("there seems to be no cache at this address, since it neither has nor accepts the empty blob: %w", err)
	}
	return nil
}

func (b *bazel) do(ctx context.Context, method, name string, body any, size int64) (*http.Response, error) {
	req, err := retryablehttp.NewRequestWithContext(ctx, method, b.base+"/"+name, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.ContentLength = size
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	switch {
	case b.token != "":
		req.Header.Set("Authorization", "Bearer "+b.token)
	case b.user != nil:
		password, _ := b.user.Password()
		req.SetBasicAuth(b.user.Username(), password)
	}
	resp, err := b.client.Do(req)
	switch {
	case errors.Is(err, errRedirects):
		return nil, fmt.Errorf("%s redirects in a loop: check the address", b.base)
	case err != nil:
		hint := adviseConnection(err)
		if errors.Is(err, io.EOF) && b.isPlain() {
			hint = "the server ends the connection without an answer: if it uses TLS, write https:// instead of http://"
		}
		if hint != "" {
			var request *url.Error
			if errors.As(err, &request) {
				err = request.Err // the rest is an address that this package made
			}
			return nil, fmt.Errorf("%s (%w)", hint, err)
		}
		return nil, err
	}
	return resp, nil
}

// isPlain reports whether requests are sent without TLS.
func (b *bazel) isPlain() bool { return strings.HasPrefix(b.base, "http://") }

// said is the reason in an answer, as the end of a message; "" if it gives none. A web
// page is none.
func said(resp *http.Response) string {
	const most = 500
	text, _ := io.ReadAll(io.LimitReader(resp.Body, most)) // the answer to HEAD has none
	if line := strings.TrimSpace(string(text)); line != "" && !isPage(resp, text) {
		return fmt.Sprintf(": %q", line)
	}
	return ""
}

// isPage reports whether an answer is a web page, by its beginning where it has no type.
func isPage(resp *http.Response, text []byte) bool {
	kind := resp.Header.Get("Content-Type")
	if kind == "" {
		kind = http.DetectContentType(text)
	}
	return strings.HasPrefix(kind, "text/html")
}

// refuse turns an answer without an object into an error.
func (b *bazel) refuse(resp *http.Response) error {
	page := isPage(resp, nil)
	switch code := resp.StatusCode; {
	case code == http.StatusNotFound && page:
		return fmt.Errorf("%s answers with a web page: there is no cache at this address, or a proxy answers in its place", b.base)
	case code == http.StatusNotFound:
		return errAbsent
	case code == http.StatusUnauthorized && b.token == "":
		return fmt.Errorf("%s requires a token (401): set ABLATE_REMOTE_TOKEN, which is sent to remotes that your own configuration or ABLATE_REMOTE names", b.base)
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return fmt.Errorf("%s denies access (%d): check ABLATE_REMOTE_TOKEN and what it may do", b.base, code)
	case code >= http.StatusBadRequest && retryAfter(resp) > waitMax:
		return fmt.Errorf("%s is too busy (%d) and asks to wait for %v: try again then", b.base, code, retryAfter(resp).Round(time.Second))
	case code == http.StatusTooManyRequests:
		return fmt.Errorf("%s is too busy (429), also after %d retries: try again later", b.base, retries)
	case code >= http.StatusInternalServerError:
		return fmt.Errorf("%s fails (%s), also after %d retries%s", b.base, resp.Status, retries, said(resp))
	case code == http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%s refuses the size of the upload (413): raise the limit of the server, or of the proxy before it", b.base)
	case code == http.StatusBadRequest && b.isPlain() && resp.Request.Method == http.MethodHead: // the answer has no reason
		return fmt.Errorf("%s refuses it (400): if the server uses TLS, write https:// instead of http://", b.base)
	case code == http.StatusBadRequest || code == http.StatusConflict:
		return fmt.Errorf("%s refuses it (%d)%s", b.base, code, said(resp))
	case code >= http.StatusMultipleChoices:
		return fmt.Errorf("%s answers %s, which a cache never does", b.base, resp.Status)
	case page:
		return fmt.Errorf("%s answers with a web page: a proxy or a login page answers in place of the cache", b.base)
	}
	return nil
}

func (b *bazel) get(ctx context.Context, name string) (io.ReadCloser, error) {
	resp, err := b.do(ctx, http.MethodGet, name, nil, 0)
	if err != nil {
		return nil, err
	}
	if err := b.refuse(resp); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp.Body, nil
}

func (b *bazel) has(ctx context.Context, name string, _ int64) (bool, error) {
	resp, err := b.do(ctx, http.MethodHead, name, nil, 0)
	if err != nil {
		return false, err
	}
	resp.Body.Close()
	if err := b.refuse(resp); errors.Is(err, errAbsent) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return true, nil
}

func (b *bazel) put(ctx context.Context, name string, o object) error {
	body := retryablehttp.ReaderFunc(func() (io.Reader, error) { return o.open() })
	if o.size == 0 {
		body = func() (io.Reader, error) { return http.NoBody, nil }
	}
	resp, err := b.do(ctx, http.MethodPut, name, body, o.size)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusConflict {
		return nil // another result was first, as Push finds out when it reads it
	}
	if err := b.refuse(resp); err != nil {
		if errors.Is(err, errAbsent) {
			return fmt.Errorf("%s accepts no objects (404): there is no cache at this address", b.base)
		}
		return err
	}
	return nil
}
