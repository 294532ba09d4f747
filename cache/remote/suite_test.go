package remote

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"ablate/cache"
	"ablate/cache/cachetest"
)

// Every kind of remote gives the same guarantees.
func TestRemotes(t *testing.T) {
	for name, start := range map[string]func(t *testing.T) cachetest.Peer{
		"folder": startFolder, "http": startHTTP, "s3": startS3,
	} {
		t.Run(name, func(t *testing.T) { cachetest.TestRemote(t, start) })
	}
}

// Every kind of remote that a network leads to survives its faults.
func TestFaults(t *testing.T) {
	for name, start := range map[string]func(t *testing.T) cachetest.Peer{"http": startHTTP, "s3": startS3} {
		t.Run(name, func(t *testing.T) { cachetest.TestFaults(t, start) })
	}
}

// suited is a remote with the methods that the suite expects.
type suited struct{ *Remote }

func (s suited) Pull(ctx context.Context, to cache.Store, e cache.Entry, optional func(string) bool) error {
	_, err := s.Remote.Pull(ctx, to, e, optional)
	return err
}

func (s suited) Push(ctx context.Context, from cache.Store, e cache.Entry, absent []string) (int, error) {
	moved, err := s.Remote.Push(ctx, from, e, absent)
	var kept *KeptError
	if errors.As(err, &kept) {
		err = fmt.Errorf("%w: %w", cachetest.ErrKept, err)
	}
	return moved.Blobs, err
}

func connecting(address string) func(time.Duration) (cachetest.Remote, error) {
	return func(limit time.Duration) (cachetest.Remote, error) {
		r, err := open(context.Background(), Options{URL: address}, cmp.Or(limit, Patience))
		return suited{r}, err
	}
}

func startFolder(t *testing.T) cachetest.Peer {
	dir := t.TempDir()
	return cachetest.Peer{Connect: connecting("file://" + dir), Spoil: func(t testing.TB, change func(string, []byte) []byte) {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			sub, hash := filepath.Split(path)
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if raw = change(filepath.Base(filepath.Dir(filepath.Clean(sub)))+"/"+hash, raw); raw == nil {
				return os.Remove(path)
			}
			return os.WriteFile(path, raw, 0o600)
		})
		if err != nil {
			t.Fatal(err)
		}
	}}
}

func startHTTP(t *testing.T) cachetest.Peer {
	return wired(t, serverOf(t, ServerOptions{Store: cachetest.Memory(t)}), func(url string) string { return url })
}

func startS3(t *testing.T) cachetest.Peer {
	address := s3Server(t)
	to, err := url.Parse(os.Getenv("AWS_ENDPOINT_URL_S3"))
	if err != nil {
		t.Fatal(err)
	}
	return wired(t, forward(to, true), func(url string) string {
		t.Setenv("AWS_ENDPOINT_URL_S3", url)
		return address
	})
}

// forward is a proxy of another server. Signatures may cover the host name that
// the client used, which is kept if named is true.
func forward(to *url.URL, named bool) http.Handler {
	return &httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		if named {
			r.Out.Host = r.In.Host
		}
	}}
}

// wired is a server behind a wire. address makes a remote's address from the URL
// of the wire.
func wired(t *testing.T, server http.Handler, address func(url string) string) cachetest.Peer {
	var wire cachetest.Wire
	srv := httptest.NewServer(wire.To(server))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(srv.Close)
	t.Cleanup(func() { wire.Break(nil) })
	return cachetest.Peer{Connect: connecting(address(srv.URL)), Wire: &wire,
		Spoil: func(_ testing.TB, change func(string, []byte) []byte) { wire.Break(cachetest.Spoil(change)) }}
}

// listening starts a server program and waits until it answers. arguments gets an
// address that was free. If another process takes it first, the program ends and
// is started again at another one.
func listening(t *testing.T, program string, arguments func(address string) []string) (address string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed", program)
	}
	output := ""
	for range 3 {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address = free.Addr().String()
		free.Close()
		var log bytes.Buffer
		cmd := exec.Command(path, arguments(address)...)
		cmd.Stdout, cmd.Stderr = &log, &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { cmd.Wait(); close(ended) }()
		t.Cleanup(func() { cmd.Process.Kill(); <-ended })
		if answers(address, ended) {
			return address
		}
		cmd.Process.Kill()
		<-ended
		output = log.String()
	}
	t.Fatalf("%s does not answer: %s", program, output)
	return ""
}

// answers waits until a server answers HTTP requests or has ended.
func answers(address string, ended <-chan struct{}) bool {
	const most = 2 * time.Minute // a busy machine is slow, and a server that fails ends
	for begun := time.Now(); time.Since(begun) < most; {
		if resp, err := http.Get("http://" + address); err == nil {
			resp.Body.Close()
			return true
		}
		select {
		case <-ended:
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
	return false
}

// s3Server starts a real S3 server if one is installed.
func s3Server(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, sub := range []string{"data/bucket", "meta", "versions"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	address := listening(t, "versitygw", func(address string) []string {
		return []string{"--access", "test", "--secret", "testtest", "--port", address, "posix", "--sidecar", filepath.Join(dir, "meta"),
			"--versioning-dir", filepath.Join(dir, "versions"), filepath.Join(dir, "data")}
	})
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": "http://" + address, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest",
		"AWS_REGION": "us-east-1", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	return "s3://bucket/team"
}
