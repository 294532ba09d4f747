package remote

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"ablate/cache"
	"ablate/cache/fsys"
)

// Clients without the token leave room for those that have it: a refused request ends
// its connection, and idle ones of an address are few.
func TestStrangersLeaveRoom(t *testing.T) {
	store, err := cache.Open(fsys.NewMemory(), "/store")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- serverOf(t, ServerOptions{Store: store, Token: "secret"}).Serve(ctx, l) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	dial := func(from string) net.Conn {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := d.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Skipf("there is one loopback address only: %v", err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(20 * time.Second))
		return c
	}
	ask := func(c net.Conn, token string) (*http.Response, error) {
		fmt.Fprintf(c, "GET /status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", token)
		return http.ReadResponse(bufio.NewReader(c), nil)
	}

	c := dial("127.0.0.1")
	if r, err := ask(c, "wrong"); err != nil || r.StatusCode != http.StatusUnauthorized || !r.Close {
		t.Errorf("a wrong token: %v, %v, want it refused and the connection ended", r, err)
	}
	var known []net.Conn
	for range 2 * maxStrangers { // these do not count any more
		c := dial("127.0.0.1")
		if r, err := ask(c, "secret"); err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("client %d: %v, %v", len(known), r, err)
		}
		known = append(known, c)
	}
	for range maxConnections + 100 {
		dial("127.0.0.1") // and send nothing
	}
	if r, err := ask(dial("127.0.0.2"), "secret"); err != nil || r.StatusCode != http.StatusOK {
		t.Errorf("a client at another address: %v, %v", r, err)
	}
	if r, err := ask(known[0], "secret"); err != nil || r.StatusCode != http.StatusOK {
		t.Errorf("a client that was there before: %v, %v", r, err)
	}
}
