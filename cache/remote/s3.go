//go:build !nos3

package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
)

// bucket is a bucket of S3 or a compatible server. Objects are created by single
// conditional PUTs with their SHA-256, which the server checks.
type bucket struct {
	client *s3.Client
	name   string
}

func newS3(ctx context.Context, u *url.URL) (transport, error) {
	if u.Host == "" {
		return nil, fmt.Errorf("%s does not name a bucket: write s3://bucket/prefix", u.Redacted())
	}
	client, err := newS3Client(ctx)
	if err != nil {
		return nil, err
	}
	return underPrefix(&bucket{client: client, name: u.Host}, u), nil
}

// newS3Client uses the credentials, region and endpoint of AWS's own tools.
func newS3Client(ctx context.Context) (*s3.Client, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{})) // errors say as much
	if err != nil {
		return nil, fmt.Errorf("reading the AWS settings: %w", err)
	}
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		// Servers other than AWS rarely have a host name for each bucket.
		o.UsePathStyle = os.Getenv("AWS_ENDPOINT_URL") != "" || os.Getenv("AWS_ENDPOINT_URL_S3") != ""
		o.Logger = logging.Nop{}
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired // the caller verifies the digest
	}), nil
}

// OpenS3 reads an object that is not part of a store, such as a text to train on.
// The version "" is the newest. at is the version that it reads, if the bucket
// keeps versions. If there is no such object or version, the error is
// fs.ErrNotExist.
func OpenS3(ctx context.Context, name, key, version string) (body io.ReadCloser, at string, err error) {
	client, err := newS3Client(ctx)
	if err != nil {
		return nil, "", err
	}
	in := &s3.GetObjectInput{Bucket: aws.String(name), Key: aws.String(key)}
	if version != "" {
		in.VersionId = aws.String(version)
	}
	out, err := client.GetObject(ctx, in)
	if err != nil {
		if absentInS3(err) {
			return nil, "", fs.ErrNotExist
		}
		return nil, "", explainS3(err)
	}
	if at = aws.ToString(out.VersionId); at == "null" { // written before the bucket kept versions
		at = ""
	}
	return out.Body, at, nil
}

func (b *bucket) accessible(ctx context.Context) error {
	_, err := b.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(b.name)})
	return b.explain(err)
}

func (b *bucket) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("s3://%s: %w", b.name, explainS3(err))
}

// explainS3 says what to do about an error of the object store. From the messages
// of AWS's library it keeps only what is wrong.
func explainS3(err error) error {
	code, said := answerOfS3(err)
	hint := adviseS3(code, said, err)
	var api smithy.APIError
	var request *url.Error
	switch {
	case hint != "" && code != 0:
		return fmt.Errorf("%s (%s)", hint, strings.TrimSpace(fmt.Sprint(code, " ", said)))
	case errors.As(err, &api):
		return fmt.Errorf("the server answers %d %s: %s", code, said, api.ErrorMessage())
	case errors.As(err, &request):
		err = request
	}
	if hint != "" {
		return fmt.Errorf("%s (%w)", hint, err)
	}
	return err
}

// answerOfS3 returns the status and the error code in a server's answer, or 0
// without one.
func answerOfS3(err error) (code int, said string) {
	var response interface{ HTTPStatusCode() int }
	if errors.As(err, &response) {
		code = response.HTTPStatusCode()
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		said = api.ErrorCode()
	}
	return code, said
}

// absentInS3 reports an error for a missing object or version.
func absentInS3(err error) bool {
	_, said := answerOfS3(err)
	return said == "NoSuchKey" || said == "NotFound" || said == "NoSuchVersion"
}

// adviseS3 says what to do about an error, or "".
func adviseS3(code int, said string, err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "failed to refresh cached credentials"), strings.Contains(text, "no EC2 IMDS role"):
		return "no credentials found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in again"
	case strings.Contains(text, "Missing Region"), strings.Contains(text, "missing AWS region"), strings.Contains(text, "Invalid region"), strings.Contains(text, "region must be set"):
		return "no region configured: set AWS_REGION"
	case strings.Contains(text, "Custom endpoint"):
		return "AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL is not an address such as http://host:port: check it"
	case said == "NoSuchBucket", code == http.StatusNotFound && (said == "" || said == "NotFound"):
		return "there is no such bucket: check its name, or create it"
	case said == "InvalidBucketName":
		return "this is not a valid name for a bucket: check it"
	case said == "PermanentRedirect", said == "AuthorizationHeaderMalformed", said == "IllegalLocationConstraintException", code == http.StatusMovedPermanently:
		return "the bucket is in another region: set AWS_REGION"
	case said == "ExpiredToken", said == "ExpiredTokenException", said == "TokenRefreshRequired":
		return "the credentials have expired: log in again"
	case said == "InvalidAccessKeyId", said == "SignatureDoesNotMatch", said == "InvalidToken", said == "XAdminUserNotFound":
		return "the credentials are wrong: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
	case said == "RequestTimeTooSkewed":
		return "the clocks of the server and this machine differ: set the clock of this machine"
	case said == "SlowDown":
		return adviseStatus(http.StatusServiceUnavailable, err)
	}
	return adviseStatus(code, err)
}

func (b *bucket) open(ctx context.Context, key string) (io.ReadCloser, error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(b.name), Key: aws.String(key)})
	if err == nil {
		return out.Body, nil
	}
	if absentInS3(err) {
		return nil, errAbsent
	}
	return nil, b.explain(err)
}

func (b *bucket) exists(ctx context.Context, key string) (bool, error) {
	_, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(b.name), Key: aws.String(key)})
	if code, _ := answerOfS3(err); code == http.StatusNotFound {
		return false, nil
	}
	return err == nil, b.explain(err)
}

// create waits for the writer that was first, so that its object exists on return
// and everyone who published a result reads the same one. S3 answers with a
// conflict while another request for the key is running, which may still fail;
// compatible servers may even report an object shortly before it exists.
func (b *bucket) create(ctx context.Context, key string, raw []byte) error {
	for wait := 10 * time.Millisecond; ; wait *= 2 {
		taken, err := b.put(ctx, key, raw)
		if !taken {
			return b.explain(err)
		}
		if there, err := b.exists(ctx, key); there || err != nil {
			return err
		}
		if wait > settling {
			return fmt.Errorf("s3://%s: the server claims both that %s exists and that it does not: check the server (%w)", b.name, key, err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

// settling is about half of the time that a server has to decide whether an object
// exists.
const settling = 2 * time.Second

// put reports taken if another writer has created the object or is creating it.
func (b *bucket) put(ctx context.Context, key string, raw []byte) (taken bool, err error) {
	sum := sha256.Sum256(raw)
	_, err = b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(b.name), Key: aws.String(key), Body: moving(ctx, bytes.NewReader(raw)), ContentLength: aws.Int64(int64(len(raw))),
		IfNoneMatch: aws.String("*"), ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])),
	})
	code, _ := answerOfS3(err)
	return code == http.StatusPreconditionFailed || code == http.StatusConflict, err
}
