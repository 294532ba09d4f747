package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"ablate/cache"
)

// bazel is a server of Bazel's HTTP cache protocol: our own, bazel-remote, or
// a web server with PUT. It has no conditional write.
type bazel struct {
	base   string
	token  string
	client *retryablehttp.Client
}

// How often a request is repeated that a server was too busy for.
const (
	retries = 4
	waitMax = 10 * time.Second
)

// waitMin is how long the first repetition waits, unless the server says.
// Tests are less patient.
var waitMin = 200 * time.Millisecond

func newHTTP(u *url.URL, token string) *bazel {
	c := retryablehttp.NewClient() // honours Retry-After
	c.Logger = nil
	c.RetryMax, c.RetryWaitMin, c.RetryWaitMax = retries, waitMin, waitMax
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	c.CheckRetry = func(ctx context.Context, resp *http.Response, err error) (bool, error) {
		if resp != nil && retryAfter(resp) > waitMax {
			return false, nil
		}
		return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
	}
	return &bazel{base: strings.TrimSuffix(u.String(), "/"), token: token, client: c}
}

// retryAfter is how long a server wants to be left alone.
func retryAfter(resp *http.Response) time.Duration {
	said := resp.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(said); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(said); err == nil {
		return time.Until(at)
	}
	return 0
}

// check asks for the empty blob, which most servers of the protocol always have.
// One that lacks it must take it: whatever answers "not found" to everything is
// no empty cache.
func (b *bazel) check(ctx context.Context) error {
	empty := casName(cache.DigestOf(nil))
	there, err := b.has(ctx, empty)
	if there || err != nil {
		return err
	}
	if err := b.put(ctx, empty, bytesObject(nil)); err != nil {
		return fmt.Errorf("it has not even the empty blob, and does not take it, so that there seems to be no cache at this address: %w", err)
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
	if b.token != "" {
		req.Header.Set("Authorization", "Bearer "+b.token)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		if hint := adviseConnection(err); hint != "" {
			return nil, fmt.Errorf("%w: %s", err, hint)
		}
		return nil, err
	}
	return resp, nil
}

// refuse turns an answer that is no object into an error.
func (b *bazel) refuse(resp *http.Response) error {
	page := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html")
	switch code := resp.StatusCode; {
	case code == http.StatusNotFound && page:
		return fmt.Errorf("%s answers with a web page: there is no cache at this address, or a proxy stands before it", b.base)
	case code == http.StatusNotFound:
		return errAbsent
	case code == http.StatusUnauthorized && b.token == "":
		return fmt.Errorf("%s wants a token (401): set ABLATE_REMOTE_TOKEN", b.base)
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return fmt.Errorf("%s refuses us (%d): is ABLATE_REMOTE_TOKEN right, and may it do this?", b.base, code)
	case code >= http.StatusBadRequest && retryAfter(resp) > waitMax:
		return fmt.Errorf("%s is too busy (%d), and wants to be left alone for %v: try again then", b.base, code, retryAfter(resp).Round(time.Second))
	case code == http.StatusTooManyRequests:
		return fmt.Errorf("%s is too busy (429), also after %d repetitions: try again later", b.base, retries)
	case code >= http.StatusInternalServerError:
		return fmt.Errorf("%s fails (%s), also after %d repetitions", b.base, resp.Status, retries)
	case code == http.StatusBadRequest:
		const most = 500
		said, _ := io.ReadAll(io.LimitReader(resp.Body, most))
		return fmt.Errorf("%s refuses this (400): %q", b.base, strings.TrimSpace(string(said)))
	case code >= http.StatusMultipleChoices:
		return fmt.Errorf("%s answers %s, which no cache does", b.base, resp.Status)
	case page:
		return fmt.Errorf("%s answers with a web page: a proxy or a login page stands before the cache", b.base)
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

func (b *bazel) has(ctx context.Context, name string) (bool, error) {
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
	if err := b.refuse(resp); err != nil {
		if errors.Is(err, errAbsent) {
			return fmt.Errorf("%s takes no objects (404): there is no cache at this address", b.base)
		}
		return err
	}
	return nil
}
