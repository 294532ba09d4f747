package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"

	"ablate/cache/remote"
	"ablate/hcl/study"
)

// openS3 reads an object: s3://bucket/key, with ?versionId=… for one version.
// pinned names the version that it reads, where the bucket keeps versions.
func openS3(ctx context.Context, source string) (body io.ReadCloser, pinned string, err error) {
	u, err := url.Parse(source)
	key := ""
	if err == nil {
		key = strings.TrimPrefix(u.Path, "/")
	}
	if err != nil || u.Host == "" || key == "" {
		return nil, "", errors.New("it names no object: write s3://bucket/key")
	}
	version := u.Query().Get("versionId")
	body, at, err := remote.OpenS3(ctx, u.Host, key, version)
	switch {
	case errors.Is(err, fs.ErrNotExist) && version != "":
		return nil, "", fmt.Errorf("the bucket has lost the version %s of it that %s pins. If the newest will do, pin it with ablate init --upgrade", version, study.LockFile)
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", errors.New("the bucket has no such object: check its name")
	case err != nil:
		return nil, "", err
	}
	if at != "" {
		u.RawQuery = url.Values{"versionId": {at}}.Encode()
	}
	return body, u.String(), nil
}
