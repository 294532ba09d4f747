package source

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// endpoint is Hugging Face's address.
func endpoint() string {
	if e := os.Getenv("HF_ENDPOINT"); e != "" {
		return strings.TrimSuffix(e, "/")
	}
	return "https://huggingface.co"
}

// address is where a source is fetched from: hf://datasets/owner/name@revision/file
// names a file of a dataset, hf://owner/name@revision/file one of a model.
func address(source string) (string, error) {
	rest, ok := strings.CutPrefix(source, "hf://")
	if !ok {
		return source, nil
	}
	kind, rest := cutKind(rest)
	parts := strings.SplitN(rest, "/", 3)
	if len(parts) < 3 || parts[2] == "" {
		return "", errors.New("it names no file: write hf://datasets/owner/name/path or hf://owner/name/path")
	}
	name, revision, ok := strings.Cut(parts[1], "@")
	if !ok {
		revision = "main"
	}
	return fmt.Sprintf("%s/%s%s/%s/resolve/%s/%s", endpoint(), kind, parts[0], name, revision, parts[2]), nil
}

func cutKind(s string) (kind, rest string) {
	if rest, ok := strings.CutPrefix(s, "datasets/"); ok {
		return "datasets/", rest
	}
	return "", s
}

// revisionOf is the commit that an answer of Hugging Face's comes from, also
// when a redirect led elsewhere.
func revisionOf(resp *http.Response) string {
	for r := resp; r != nil; {
		if c := r.Header.Get("X-Repo-Commit"); c != "" {
			return c
		}
		if r.Request == nil {
			break
		}
		r = r.Request.Response
	}
	return ""
}

// pinned replaces the branch in an address by a commit.
func pinned(url, commit string) string {
	before, after, ok := strings.Cut(url, "/resolve/")
	_, file, rest := strings.Cut(after, "/")
	if commit == "" || !ok || !rest {
		return url
	}
	return before + "/resolve/" + commit + "/" + file
}
