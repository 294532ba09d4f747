package remote

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ablate/cache"
	"ablate/cache/cachetest"
	"ablate/cache/fsys"
)

// loaded is a store with a large blob that is stored raw and one that is compressed.
func loaded(t *testing.T) (store *cache.Local, raw, text cache.Digest) {
	t.Helper()
	store, err := cache.Open(fsys.NewOS(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	put := func(mediaType string, content []byte) cache.Digest {
		w, err := store.Create(context.Background(), mediaType)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		d, _, err := w.Commit()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	const size = 24 << 20
	return store, put("application/octet-stream", bytes.Repeat([]byte("0123456789abcdef"), size/16)), put("text/plain", bytes.Repeat([]byte("the quick brown fox\n"), size/20))
}

// slow sends a request and reads nothing of the answer.
func slow(t *testing.T, address string, d cache.Digest) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "GET /cas/%s HTTP/1.1\r\nHost: x\r\n\r\n", d.Hex())
	return c
}

// A server with 100 clients that read nothing still answers 64 others, in little
// memory.
func TestServerUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("164 clients need seconds of processor time")
	}
	store, raw, text := loaded(t)
	srv := httptest.NewServer(serverOf(t, ServerOptions{Store: store}))
	defer srv.Close()
	address := strings.TrimPrefix(srv.URL, "http://")
	const slowClients, fastClients, limit = 100, 64, 256 << 20
	for i := range slowClients {
		slow(t, address, []cache.Digest{raw, text}[i%2])
	}
	var peak uint64
	stop, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse+m.StackInuse)
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	var clients sync.WaitGroup
	for i := range fastClients {
		d := []cache.Digest{raw, text}[i%2]
		clients.Go(func() {
			resp, err := http.Get(srv.URL + "/cas/" + d.Hex())
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			hash := cache.NewDigester()
			if _, err := io.Copy(hash, resp.Body); err != nil || hash.Digest() != d {
				t.Errorf("client %d: status %d, digest %s, %v", i, resp.StatusCode, hash.Digest(), err)
			}
		})
	}
	clients.Wait()
	close(stop)
	<-watched
	t.Logf("at most %d MiB", peak>>20)
	if peak > limit {
		t.Errorf("the server took %d MiB", peak>>20)
	}
	srv.CloseClientConnections()
}

// A client that stalls is disconnected, whichever way bytes go.
func TestStallingClients(t *testing.T) {
	store, raw, _ := loaded(t)
	s := serverOf(t, ServerOptions{Store: store})
	s.patience = 300 * time.Millisecond
	srv := httptest.NewServer(s)
	defer srv.Close()
	address := strings.TrimPrefix(srv.URL, "http://")
	reading := slow(t, address, raw)
	writing, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer writing.Close()
	fmt.Fprintf(writing, "PUT /cas/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nfew bytes", raw.Hex())
	time.Sleep(3 * s.patience) // longer than the server waits
	for name, c := range map[string]net.Conn{"reading": reading, "writing": writing} {
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		n, err := io.Copy(io.Discard, c)
		if err, ok := err.(net.Error); ok && err.Timeout() {
			t.Errorf("%s: the connection is still open after %d bytes", name, n)
		}
		if n > 24<<20 {
			t.Errorf("%s: the whole answer came", name)
		}
	}
}

// Beyond its limits the server asks clients to come back.
func TestTooManyRequests(t *testing.T) {
	store, raw, _ := loaded(t)
	s := serverOf(t, ServerOptions{Store: store})
	s.limits.requests = make(semaphore, 1)
	srv := httptest.NewServer(s)
	defer srv.Close()
	c := slow(t, strings.TrimPrefix(srv.URL, "http://"), raw)
	defer c.Close()
	if _, err := bufio.NewReader(c).ReadString('\n'); err != nil { // it is being answered
		t.Fatal(err)
	}
	resp, err := http.Get(srv.URL + "/cas/" + raw.Hex())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("the second request is answered with %d, %v", resp.StatusCode, resp.Header)
	}
}

// A server that is stopped finishes the uploads in progress.
func TestServeDrains(t *testing.T) {
	store := cachetest.Memory(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	served := make(chan error, 1)
	go func() { served <- serverOf(t, ServerOptions{Store: store}).Serve(ctx, l) }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	text := "what a client sends"
	d := cache.DigestOf([]byte(text))
	fmt.Fprintf(c, "PUT /cas/%s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", d.Hex(), len(text))
	answer := bufio.NewReader(c)
	if line, err := answer.ReadString('\n'); !strings.Contains(line, " 100 ") {
		t.Fatalf("%q, %v", line, err)
	}
	stop()
	select {
	case err := <-served:
		t.Errorf("Serve returned during an upload: %v", err)
		return
	case <-time.After(100 * time.Millisecond):
	}
	io.WriteString(c, text)
	if err := <-served; err != nil {
		t.Errorf("Serve = %v", err)
	}
	if ok, err := store.Has(d); !ok || err != nil {
		t.Errorf("the blob is stored: %v, %v", ok, err)
	}
}

// A message says why a server, or the connection to it, fails.
func TestServerSaysWhy(t *testing.T) {
	disk := &cachetest.Faulty{FS: fsys.NewMemory()}
	store, err := cache.Open(disk, "/store")
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(serverOf(t, ServerOptions{Store: store}))
	defer srv.Close()
	r := connect(t, Options{URL: srv.URL})
	disk.At, disk.Err, disk.Crash = 1, syscall.ENOSPC, true
	from, e := cachetest.Published(t, "k")
	if _, err := r.Push(context.Background(), from, e, nil); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("pushing to a full disk: %v", err)
	}
	limited, _ := served(t, "", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	})
	if _, err := Open(context.Background(), Options{URL: limited}); err == nil || !strings.Contains(err.Error(), "refuses the size") {
		t.Errorf("a limit of uploads: %v", err)
	}
	cut, _ := served(t, "", func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/ac/") {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("a few bytes"))
			return
		}
		h.ServeHTTP(w, r)
	})
	if _, err := connect(t, Options{URL: cut}).Find(context.Background(), e.Key); err == nil || !strings.Contains(err.Error(), "ended in the middle") {
		t.Errorf("an answer that ends too early: %v", err)
	}
}
