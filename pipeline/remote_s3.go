package pipeline

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// openS3 reads an object: s3://bucket/key, with ?versionId=… for one version.
// Credentials, region and endpoint are those of AWS's own tools. pinned names
// the version that was read, where the bucket keeps versions.
func openS3(ctx context.Context, source string) (body io.ReadCloser, pinned string, err error) {
	u, err := url.Parse(source)
	key := ""
	if err == nil {
		key = strings.TrimPrefix(u.Path, "/")
	}
	if err != nil || u.Host == "" || key == "" {
		return nil, "", fmt.Errorf("%s names no object: write s3://bucket/key", source)
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("reading AWS's settings: %w", err)
	}
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) {
		// Servers other than AWS's own rarely have a name for each bucket.
		o.UsePathStyle = os.Getenv("AWS_ENDPOINT_URL") != "" || os.Getenv("AWS_ENDPOINT_URL_S3") != ""
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired // else its absence is logged; there is the pin
	})
	in := &s3.GetObjectInput{Bucket: aws.String(u.Host), Key: aws.String(key)}
	if v := u.Query().Get("versionId"); v != "" {
		in.VersionId = aws.String(v)
	}
	out, err := objects.GetObject(ctx, in)
	if err != nil {
		return nil, "", fmt.Errorf("fetching %s: %w", source, err)
	}
	if v := aws.ToString(out.VersionId); v != "" && v != "null" {
		u.RawQuery = url.Values{"versionId": {v}}.Encode()
	}
	return out.Body, u.String(), nil
}
