//go:build !nos3

package remote

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
)

// A blob larger than a part is sent in several, and read back whole.
func TestLargeBlobsInS3(t *testing.T) { testLargeBlobs(t, s3Server(t)) }

func testLargeBlobs(t *testing.T, address string) {
	ctx := context.Background()
	r := connect(t, Options{URL: address})
	from, err := cache.Open(fsys.NewOS(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	raw := bytes.Repeat([]byte("0123456789abcdef"), (partSize+partSize/2)/16)
	w, err := from.Create(ctx, "application/octet-stream")
	if err != nil {
		t.Fatal(err)
	}
	w.Write(raw)
	d, size, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	doc := cachetest.Put(t, from, "doc")
	e := cachetest.Entry(cachetest.Key("large"), d, int(size))
	e.Ingredients, e.Provenance = doc, doc
	if e, err = from.Publish(ctx, e); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Push(ctx, from, e, nil); err != nil {
		t.Fatal(err)
	}
	to := cachetest.Memory(t)
	if _, err := r.Pull(ctx, to, e, nil); err != nil {
		t.Fatal(err)
	}
	got, err := cache.ReadAll(ctx, to, d)
	if err != nil || !bytes.Equal(got, raw) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
}

func TestS3Mistakes(t *testing.T) {
	s3Server(t)
	for _, c := range []struct{ url, key, want string }{
		{"s3://nothing", "test", "no such bucket"},
		{"s3://bucket", "wrong", "credentials"},
	} {
		t.Setenv("AWS_ACCESS_KEY_ID", c.key)
		_, err := Open(context.Background(), Options{URL: c.url})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s as %s: %v, want %q", c.url, c.key, err, c.want)
		}
	}
}

// The second writer returns once the object of the first exists. If the first fails,
// it writes the object itself.
func TestS3Contested(t *testing.T) {
	ctx := context.Background()
	p := startS3(t)
	for _, code := range []int{http.StatusConflict, http.StatusPreconditionFailed} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			r, err := p.Connect(0)
			if err != nil {
				t.Fatal(err)
			}
			var refusals atomic.Int32
			p.Wire.Break(func(w http.ResponseWriter, r *http.Request, server http.Handler, _ <-chan struct{}) {
				if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/ac/") && refusals.Add(1) <= 3 {
					io.Copy(io.Discard, r.Body)
					w.WriteHeader(code)
					return
				}
				server.ServeHTTP(w, r)
			})
			from, e := cachetest.Published(t, fmt.Sprint(code))
			if _, err := r.Push(ctx, from, e, nil); err != nil {
				t.Fatal(err)
			}
			if found, err := r.Find(ctx, e.Key); err != nil || found[0] == nil || refusals.Load() != 4 {
				t.Errorf("Find after Push = %v, %v, and %d writes, want 4", found, err, refusals.Load())
			}
		})
	}
}

// Objects that belong to no store are read in their present or an earlier version.
func TestOpenS3(t *testing.T) {
	s3Server(t)
	ctx := context.Background()
	client, err := newS3Client(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bucket", "versions"} {
		if name == "versions" {
			if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(name)}); err != nil {
				t.Fatal(err)
			}
			on := &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}
			if _, err := client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: aws.String(name), VersioningConfiguration: on}); err != nil {
				t.Fatal(err)
			}
		}
		var first string
		for i, text := range []string{"first", "second"} {
			if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(name), Key: aws.String("a/text"), Body: strings.NewReader(text)}); err != nil {
				t.Fatal(err)
			}
			body, at, err := OpenS3(ctx, name, "a/text", "")
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(body)
			body.Close()
			if string(got) != text || err != nil || (at != "") != (name == "versions") {
				t.Errorf("in %s: %q at %q, %v, want %q", name, got, at, err, text)
			}
			if i == 0 {
				first = at
			}
		}
		if first == "" {
			continue
		}
		body, at, err := OpenS3(ctx, name, "a/text", first)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(body); string(got) != "first" || at != first || err != nil {
			t.Errorf("the first version: %q at %q, %v", got, at, err)
		}
		body.Close()
	}
	for _, c := range []struct{ bucket, key, access, want string }{
		{"bucket", "gone", "test", fs.ErrNotExist.Error()},
		{"nothing", "a/text", "test", "no such bucket"},
		{"bucket", "a/text", "wrong", "credentials are wrong"},
	} {
		t.Setenv("AWS_ACCESS_KEY_ID", c.access)
		if _, _, err := OpenS3(ctx, c.bucket, c.key, ""); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %s as %s: %v, want %q", c.key, c.bucket, c.access, err, c.want)
		}
	}
}

// Whatever an object store answers, the message says what to do, not how AWS's
// library failed.
func TestS3Answers(t *testing.T) {
	var code int
	var said string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(code)
		if r.Method != http.MethodHead && said != "" {
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", said)
		}
	}))
	defer srv.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	plain, _ := url.Parse(srv.URL)
	for _, c := range []struct {
		name     string
		code     int
		said     string
		endpoint string
		unset    string
		want     string
	}{
		{"no bucket", 404, "NoSuchBucket", srv.URL, "", "no such bucket"},
		{"bad name", 400, "InvalidBucketName", srv.URL, "", "not a valid name for a bucket"},
		{"region", 400, "AuthorizationHeaderMalformed", srv.URL, "", "set AWS_REGION"},
		{"expired", 400, "ExpiredToken", srv.URL, "", "have expired"},
		{"unknown key", 403, "InvalidAccessKeyId", srv.URL, "", "credentials are wrong"},
		{"forbidden", 403, "AccessDenied", srv.URL, "", "access denied"},
		{"clock", 403, "RequestTimeTooSkewed", srv.URL, "", "clocks"},
		{"busy", 503, "SlowDown", srv.URL, "", "too busy"},
		{"too many", 429, "", srv.URL, "", "too busy"},
		{"broken", 500, "InternalError", srv.URL, "", "object store fails"},
		{"refused", 400, "InvalidArgument", srv.URL, "", "the server answers 400 InvalidArgument: no"},
		{"nobody", 0, "", "http://127.0.0.1:1", "", "no server listens"},
		{"TLS", 0, "", secure.URL, "", "certificate is not trusted"},
		{"TLS to plain", 404, "", "https://" + plain.Host, "", "does not use TLS"},
		{"no address", 0, "", plain.Host, "", "not an address such as http://"},
		{"no credentials", 403, "", srv.URL, "AWS_ACCESS_KEY_ID", "no credentials found"},
		{"no region", 403, "", srv.URL, "AWS_REGION", "no region configured"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, said = c.code, c.said
			t.Setenv("AWS_ENDPOINT_URL_S3", c.endpoint)
			if c.unset != "" {
				t.Setenv(c.unset, "")
			}
			_, asStore := Open(context.Background(), Options{URL: "s3://bucket/team"})
			_, _, alone := OpenS3(context.Background(), "bucket", "text", "")
			for _, err := range []error{asStore, alone} {
				if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "RequestID") {
					t.Errorf("got %v, want %q", err, c.want)
				}
			}
		})
	}
}
