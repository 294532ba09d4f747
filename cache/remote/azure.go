//go:build azure

package remote

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"gocloud.dev/blob/azureblob"
)

// newAzure opens a container of Azure. Account and credentials are those in
// AZURE_STORAGE_… or of Azure's own tools.
func newAzure(ctx context.Context, u *url.URL) (transport, error) {
	if u.Host == "" {
		return nil, fmt.Errorf("%s does not name a container: write azblob://container/prefix", u.Redacted())
	}
	service, err := azureblob.NewServiceURL(azureblob.NewDefaultServiceURLOptions())
	if err != nil {
		return nil, fmt.Errorf("no storage account configured: set AZURE_STORAGE_ACCOUNT, and AZURE_STORAGE_KEY or log in with az login (%w)", err)
	}
	client, err := azureblob.NewDefaultClient(service, azureblob.ContainerName(u.Host))
	if err != nil {
		return nil, fmt.Errorf("the credentials in AZURE_STORAGE_… cannot be used: %w", err)
	}
	b, err := azureblob.OpenBucket(ctx, client, nil)
	if err != nil {
		return nil, err
	}
	return underPrefix(&cloud{bucket: b, name: "azblob://" + u.Host, answer: answerOfAzure, advise: adviseAzure}, u), nil
}

func answerOfAzure(err error) (status int, said string) {
	var e *azcore.ResponseError
	if errors.As(err, &e) {
		return e.StatusCode, e.ErrorCode
	}
	return 0, ""
}

func adviseAzure(err error) string {
	switch text := err.Error(); {
	case strings.Contains(text, "DefaultAzureCredential"):
		return "no credentials found: set AZURE_STORAGE_KEY, or log in with az login"
	case strings.Contains(text, "failed to authenticate the request"):
		return "the credentials are wrong or expired: check AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY"
	}
	return ""
}
