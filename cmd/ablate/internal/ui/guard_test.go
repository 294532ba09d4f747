package ui_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"ablate/cmd/ablate/internal/ui"
)

// client is a browser's part of the protocol. It sends the last cookie that it got,
// whatever the host is called.
type client struct {
	base, token string
	cookie      *http.Cookie
}

func newClient(t *testing.T, s *ui.Server) *client {
	t.Helper()
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	return &client{base: "http://" + u.Host, token: u.Query().Get("token")}
}

// get asks for a path, with another header Host if that is not empty.
func (c *client) get(t *testing.T, method, path, host string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, c.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	if c.cookie != nil {
		req.AddCookie(c.cookie)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range res.Cookies() {
		c.cookie = k
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestOnlyTheTokenLetsABrowserIn(t *testing.T) {
	l := newLab(t)
	l.begin()
	l.finish(trial("rms", 1), 3, 2)
	s, _ := l.serve(ui.Options{})
	c := newClient(t, s)
	paths := []string{"/", "/api/studies", "/api/events", "/api/curves", "/api/instance?address=x", "/artifact?name=metrics", "/?token=", "/?token=" + strings.ToLower(c.token)}
	for _, path := range paths {
		res, body := c.get(t, "GET", path, "")
		if res.StatusCode != http.StatusUnauthorized || strings.Contains(body, "lab") || len(res.Cookies()) > 0 {
			t.Errorf("GET %s without the token: %s, %q", path, res.Status, body)
		}
	}
	res, body := c.get(t, "GET", "/?token="+c.token, "")
	if res.StatusCode != http.StatusOK || strings.Contains(body, c.token) || len(res.Cookies()) != 1 {
		t.Fatalf("the token is answered with %s, %q", res.Status, body)
	}
	if k := res.Cookies()[0]; !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || strings.Contains(k.Value, c.token) {
		t.Errorf("the cookie is %v", k)
	}
	if res, body := c.get(t, "GET", "/api/studies", ""); res.StatusCode != http.StatusOK || !strings.Contains(body, `"lab"`) {
		t.Errorf("with the cookie: %s, %q", res.Status, body)
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if res, _ := c.get(t, method, "/api/studies", ""); res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %s", method, res.Status)
		}
	}
}

func TestHostIsChecked(t *testing.T) {
	s, _ := newLab(t).serve(ui.Options{})
	c := newClient(t, s)
	c.get(t, "GET", "/?token="+c.token, "")
	for host, want := range map[string]int{
		"":               http.StatusOK,
		"localhost:9999": http.StatusOK, // the port of a tunnel
		"LOCALHOST":      http.StatusOK,
		"[::1]:80":       http.StatusOK,
		"evil.example":   http.StatusMisdirectedRequest,
		"localhost.evil.example:" + c.base[strings.LastIndex(c.base, ":")+1:]: http.StatusMisdirectedRequest,
	} {
		if res, _ := c.get(t, "GET", "/api/studies", host); res.StatusCode != want {
			t.Errorf("Host %q: %s, want %d", host, res.Status, want)
		}
		if res, _ := c.get(t, "GET", "/?token="+c.token, host); res.StatusCode != want {
			t.Errorf("Host %q with the token: %s, want %d", host, res.Status, want)
		}
	}
}

func TestHeaders(t *testing.T) {
	l := newLab(t)
	l.begin()
	of := trial("rms", 1)
	l.finish(of, 3, 2)
	s, _ := l.serve(ui.Options{})
	c := newClient(t, s)
	c.get(t, "GET", "/?token="+c.token, "")
	artifact := "/artifact?" + url.Values{"address": {of.String()}, "name": {"metrics"}}.Encode()
	for _, path := range []string{"/", "/?token=wrong", "/api/studies", "/nothing", artifact} {
		res, _ := c.get(t, "GET", path, "")
		for name, want := range map[string]string{
			"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cache-Control": "no-store",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("GET %s: %s is %q, want %q", path, name, got, want)
			}
		}
		policy := res.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("GET %s: the policy is %q", path, policy)
		}
	}
	res, body := c.get(t, "GET", artifact, "")
	if res.StatusCode != http.StatusOK || !strings.Contains(body, "train_loss") ||
		!strings.HasPrefix(res.Header.Get("Content-Disposition"), "attachment") || res.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("an artifact is sent as %s, %v, %q", res.Status, res.Header, body)
	}
	if res, _ := c.get(t, "GET", strings.Replace(artifact, "metrics", "none", 1), ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("a missing artifact: %s", res.Status)
	}
}

func TestListen(t *testing.T) {
	l := newLab(t)
	s, _ := l.serve(ui.Options{})
	used := strings.TrimPrefix(newClient(t, s).base, "http://")
	for _, at := range []string{used, "8080", "", "nowhere.invalid:0"} {
		if _, err := ui.New(ui.Options{Store: l.store, Listen: at}); err == nil || !strings.Contains(err.Error(), "--listen") {
			t.Errorf("listening on %q: %v", at, err)
		}
	}
	open, err := ui.New(ui.Options{Store: l.store, Listen: "0.0.0.0:0"})
	if err != nil || open.Loopback() || !s.Loopback() {
		t.Errorf("loopback: %v, %v", s.Loopback(), err)
	}
}
