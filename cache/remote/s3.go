package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"ablate/cache"
)

// bucket is an object store. Objects are created by single conditional PUTs
// with their SHA-256, which the server checks; what is larger than a part is
// several objects and a list of them.
type bucket struct {
	client *s3.Client
	name   string
	prefix string
}

// partSize is the largest object of one PUT.
const partSize = 64 << 20

func newS3(ctx context.Context, u *url.URL) (*bucket, error) {
	if u.Host == "" {
		return nil, fmt.Errorf("%s names no bucket: write s3://bucket/prefix", u)
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{})) // what it would say, an error says
	if err != nil {
		return nil, fmt.Errorf("reading AWS's settings: %w", err)
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = os.Getenv("AWS_ENDPOINT_URL") != "" || os.Getenv("AWS_ENDPOINT_URL_S3") != ""
		o.Logger = logging.Nop{}
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired // who asked verifies the digest
	})
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		prefix += "/"
	}
	return &bucket{client: client, name: u.Host, prefix: prefix}, nil
}

// key spreads objects, and leaves room for another layout.
func (b *bucket) key(name string) string {
	kind, hash, _ := strings.Cut(name, "/")
	return b.prefix + "v1/" + kind + "/" + hash[:2] + "/" + hash
}

func (b *bucket) check(ctx context.Context) error {
	_, err := b.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(b.name)})
	// An answer to HEAD has no body, and so does not say what is wrong; one to
	// GET does.
	r, why := b.open(ctx, b.prefix+"v1/none")
	switch {
	case why == nil:
		r.Close()
		return fmt.Errorf("s3://%s: %w", b.name, errPage)
	case !errors.Is(why, errAbsent):
		return why
	}
	return b.explain(err)
}

// explain says what to do about an error of the object store.
func (b *bucket) explain(err error) error {
	if err == nil {
		return nil
	}
	var api smithy.APIError
	code := 0
	var response interface{ HTTPStatusCode() int }
	if errors.As(err, &response) {
		code = response.HTTPStatusCode()
	}
	said := ""
	if errors.As(err, &api) {
		said = api.ErrorCode()
	}
	text := err.Error()
	hint := ""
	switch {
	case strings.Contains(text, "failed to refresh cached credentials"), strings.Contains(text, "no EC2 IMDS role"):
		hint = "there are no credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	case strings.Contains(text, "Missing Region"), strings.Contains(text, "missing AWS region"), strings.Contains(text, "Invalid region"), strings.Contains(text, "region must be set"):
		hint = "no region is known: set AWS_REGION"
	case said == "NoSuchBucket", code == http.StatusNotFound && (said == "" || said == "NotFound"):
		hint = "there is no such bucket: check its name, or create it"
	case said == "InvalidBucketName":
		hint = "no bucket can have this name: check it"
	case said == "PermanentRedirect", said == "AuthorizationHeaderMalformed", said == "IllegalLocationConstraintException", code == http.StatusMovedPermanently:
		hint = "the bucket is in another region: set AWS_REGION"
	case said == "ExpiredToken", said == "ExpiredTokenException", said == "TokenRefreshRequired":
		hint = "the credentials have expired: log in again"
	case said == "InvalidAccessKeyId", said == "SignatureDoesNotMatch", said == "InvalidToken", said == "XAdminUserNotFound":
		hint = "the credentials are wrong: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
	case said == "RequestTimeTooSkewed":
		hint = "the clocks of the server and of this machine differ: set this machine's"
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		hint = "we may not do this there: check the credentials and the bucket's policy"
	case code == http.StatusTooManyRequests, said == "SlowDown", code == http.StatusServiceUnavailable:
		hint = "the object store is too busy, also when asked again: try later"
	case code >= http.StatusInternalServerError:
		hint = "the object store fails, also when asked again: try later"
	default:
		hint = adviseConnection(err)
	}
	if hint != "" {
		return fmt.Errorf("s3://%s: %s (%w)", b.name, hint, err)
	}
	return fmt.Errorf("s3://%s: %w", b.name, err)
}

func (b *bucket) open(ctx context.Context, key string) (io.ReadCloser, error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(b.name), Key: aws.String(key)})
	if err == nil {
		return out.Body, nil
	}
	var api smithy.APIError
	if errors.As(err, &api) && (api.ErrorCode() == "NoSuchKey" || api.ErrorCode() == "NotFound") {
		return nil, errAbsent
	}
	return nil, b.explain(err)
}

// parts lists the objects of a large blob, in order.
type parts struct {
	Version int      `json:"version"`
	Parts   []string `json:"parts"` // keys under cas/
}

func (b *bucket) partsKey(name string) string {
	return b.key(strings.Replace(name, "cas/", "parts/", 1))
}

func (b *bucket) get(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := b.open(ctx, b.key(name))
	if !errors.Is(err, errAbsent) || !strings.HasPrefix(name, "cas/") {
		return r, err
	}
	list, err := b.open(ctx, b.partsKey(name))
	if err != nil {
		return nil, err
	}
	defer list.Close()
	var p parts
	if err := json.NewDecoder(list).Decode(&p); err != nil {
		return nil, fmt.Errorf("the list of parts of %s is damaged: %w", name, err)
	}
	return &joined{ctx: ctx, b: b, rest: p.Parts}, nil
}

// joined reads the parts of a blob one after the other. The whole is verified
// by who asked for it.
type joined struct {
	ctx  context.Context
	b    *bucket
	rest []string
	now  io.ReadCloser
}

// Read implements io.Reader.
func (j *joined) Read(p []byte) (int, error) {
	for {
		if j.now == nil {
			if len(j.rest) == 0 {
				return 0, io.EOF
			}
			d, ok := digestOf(j.rest[0])
			if !ok {
				return 0, fmt.Errorf("the list of parts names %q", j.rest[0])
			}
			r, err := j.b.open(j.ctx, j.b.key(casName(d)))
			if err != nil {
				return 0, fmt.Errorf("reading the part %s: %w", d, err)
			}
			j.now, j.rest = r, j.rest[1:]
		}
		n, err := j.now.Read(p)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		err = j.now.Close()
		j.now = nil
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Close implements io.Closer.
func (j *joined) Close() error {
	if j.now == nil {
		return nil
	}
	return j.now.Close()
}

func (b *bucket) has(ctx context.Context, name string) (bool, error) {
	keys := []string{b.key(name)}
	if strings.HasPrefix(name, "cas/") {
		keys = append(keys, b.partsKey(name))
	}
	for _, key := range keys {
		_, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(b.name), Key: aws.String(key)})
		var response interface{ HTTPStatusCode() int }
		switch {
		case err == nil:
			return true, nil
		case errors.As(err, &response) && response.HTTPStatusCode() == http.StatusNotFound:
		default:
			return false, b.explain(err)
		}
	}
	return false, nil
}

func (b *bucket) put(ctx context.Context, name string, o object) error {
	r, err := o.open()
	if err != nil {
		return err
	}
	defer r.Close()
	if o.size <= partSize {
		raw, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return b.create(ctx, b.key(name), raw)
	}
	var list parts
	list.Version = 1
	buffer := make([]byte, partSize)
	for {
		n, err := io.ReadFull(r, buffer)
		if n > 0 {
			part := casName(cache.DigestOf(buffer[:n]))
			there, err := b.has(ctx, part) // a transfer that was cut short goes on
			if err == nil && !there {
				err = b.create(ctx, b.key(part), buffer[:n])
			}
			if err != nil {
				return err
			}
			list.Parts = append(list.Parts, part)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return b.create(ctx, b.partsKey(name), raw)
}

// create stores an object under a key that must be free; one that is there
// already has won.
func (b *bucket) create(ctx context.Context, key string, raw []byte) error {
	sum := sha256.Sum256(raw)
	_, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(b.name), Key: aws.String(key), Body: moving(ctx, bytes.NewReader(raw)), ContentLength: aws.Int64(int64(len(raw))),
		IfNoneMatch: aws.String("*"), ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])),
	})
	var response interface{ HTTPStatusCode() int }
	if errors.As(err, &response) {
		switch response.HTTPStatusCode() {
		case http.StatusPreconditionFailed, http.StatusConflict: // somebody else was first, or is being
			return nil
		}
	}
	return b.explain(err)
}
