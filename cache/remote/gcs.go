//go:build gcs

package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"cloud.google.com/go/storage"
	"github.com/googleapis/gax-go/v2"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/gcp"
	"google.golang.org/api/googleapi"
)

// newGS opens a bucket of Google Cloud Storage with the credentials of Google's own
// tools. STORAGE_EMULATOR_HOST names another server, which needs none.
func newGS(ctx context.Context, u *url.URL) (transport, error) {
	if u.Host == "" {
		return nil, fmt.Errorf("%s does not name a bucket: write gs://bucket/prefix", u.Redacted())
	}
	client := &gcp.HTTPClient{Client: http.Client{Transport: gcp.DefaultTransport()}}
	if os.Getenv("STORAGE_EMULATOR_HOST") == "" {
		creds, err := gcp.DefaultCredentials(ctx)
		if err == nil {
			client, err = gcp.NewHTTPClient(gcp.DefaultTransport(), gcp.CredentialsTokenSource(creds))
		}
		if err != nil {
			return nil, fmt.Errorf("no credentials found: run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS (%w)", err)
		}
	}
	b, err := gcsblob.OpenBucket(ctx, client, u.Host, nil)
	if err != nil {
		return nil, err
	}
	var own *storage.Client
	if b.As(&own) {
		own.SetRetry(storage.WithMaxAttempts(retries+1), storage.WithBackoff(gax.Backoff{Initial: waitMin, Max: waitMax, Multiplier: 2})) // otherwise it never gives up
	}
	return underPrefix(&cloud{bucket: b, name: "gs://" + u.Host, answer: answerOfGS, advise: func(error) string { return "" }}, u), nil
}

func answerOfGS(err error) (status int, said string) {
	var e *googleapi.Error
	if errors.As(err, &e) {
		return e.Code, e.Message
	}
	return 0, ""
}
