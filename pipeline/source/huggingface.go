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

// hubFile is a file on Hugging Face: hf://datasets/owner/name@revision/file names one of
// a dataset, hf://owner/name@revision/file one of a model.
type hubFile struct {
	dataset         bool
	repo            string // owner/name
	revision, named string // the branch, tag or commit, and the path of the file
}

const hubScheme = "hf://"

// parseHub reads a source that starts with hubScheme; any other is an error.
func parseHub(source string) (f hubFile, err error) {
	rest, ok := strings.CutPrefix(source, hubScheme)
	if !ok {
		return f, errors.New("it is not on Hugging Face")
	}
	rest, f.dataset = strings.CutPrefix(rest, "datasets/")
	owner, rest, _ := strings.Cut(rest, "/")
	name, file, _ := strings.Cut(rest, "/")
	name, revision, ok := strings.Cut(name, "@")
	if !ok {
		revision = "main"
	}
	if owner == "" || name == "" || revision == "" || file == "" {
		return f, errors.New("it names no file: write hf://datasets/owner/name/path or hf://owner/name/path")
	}
	f.repo, f.revision, f.named = owner+"/"+name, revision, file
	return f, nil
}

// page is the address of the repository.
func (f hubFile) page() string {
	if f.dataset {
		return endpoint() + "/datasets/" + f.repo
	}
	return endpoint() + "/" + f.repo
}

// url is where the file is fetched from. What the source escapes stays as it is.
func (f hubFile) url() string {
	return f.page() + "/resolve/" + strings.NewReplacer("#", "%23", "?", "%3F").Replace(f.revision+"/"+f.named)
}

func (f hubFile) String() string {
	if f.dataset {
		return "the dataset " + f.repo
	}
	return "the model " + f.repo
}

// explain says what is wrong and what to do when Hugging Face refuses the file, or "".
// Its error codes say more than the status, which mirrors may send alone.
func (f hubFile) explain(resp *http.Response, token string) string {
	access := "set HF_TOKEN to a token that may read it"
	if token != "" {
		access = "check what HF_TOKEN may read"
	}
	code := resp.Header.Get("X-Error-Code")
	if redirected := resp.Request.Response != nil; code == "" && !redirected {
		code = map[int]string{http.StatusUnauthorized: "RepoNotFound", http.StatusForbidden: "GatedRepo", http.StatusNotFound: "EntryNotFound"}[resp.StatusCode]
	}
	switch code {
	case "RepoNotFound":
		kind := ""
		if !f.dataset {
			kind = " (a dataset is hf://datasets/owner/name/path)"
		}
		return fmt.Sprintf("%s does not exist, or is private: check its name%s, or %s", f, kind, access)
	case "GatedRepo":
		return fmt.Sprintf("access to %s is restricted: accept its conditions at %s, and %s", f, f.page(), access)
	case "RevisionNotFound":
		return fmt.Sprintf("%s has no revision %q", f, f.revision)
	case "EntryNotFound":
		return fmt.Sprintf("%s has no file %q at revision %s", f, f.named, f.revision)
	}
	return ""
}

// address is where a source is fetched from.
func address(source string) (string, error) {
	if !strings.HasPrefix(source, hubScheme) {
		return source, nil
	}
	f, err := parseHub(source)
	return f.url(), err
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

// refused is the error of an answer that does not hold the source.
func refused(source string, resp *http.Response, token string) error {
	answer := fmt.Sprintf("%s answers %s", resp.Request.URL.Host, resp.Status)
	if f, err := parseHub(source); err == nil {
		if why := f.explain(resp, token); why != "" {
			return fmt.Errorf("%s (%s)", why, answer)
		}
	}
	return errors.New(answer)
}

// pinned is the address with a commit in place of the branch.
func pinned(source, url, commit string) string {
	if f, err := parseHub(source); err == nil && commit != "" {
		f.revision = commit
		return f.url()
	}
	before, after, ok := strings.Cut(url, "/resolve/")
	_, file, rest := strings.Cut(after, "/")
	if commit == "" || !ok || !rest {
		return url
	}
	return before + "/resolve/" + commit + "/" + file
}
