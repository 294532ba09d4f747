package ui

import (
	"crypto/rand"
	"crypto/subtle"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// guard lets only a browser in that was given the token. It exchanges the token for
// a cookie that scripts cannot read and other sites cannot send, so that the token
// leaves the address. It refuses names of hosts that are not the server's, because
// a page elsewhere could let its own name point here (DNS rebinding).
type guard struct {
	addr    *net.TCPAddr
	names   []string // of this machine, beside literal IP addresses
	cookie  string   // its name: browsers share cookies among the ports of a host
	token   string
	session string // value of the cookie
}

func newGuard(host string, addr *net.TCPAddr) *guard {
	names := []string{"localhost", strings.ToLower(host)}
	if name, err := os.Hostname(); err == nil && !addr.IP.IsLoopback() {
		names = append(names, strings.ToLower(name))
	}
	return &guard{
		addr: addr, names: names, cookie: "ablate-" + strconv.Itoa(addr.Port),
		token: rand.Text(), session: rand.Text(),
	}
}

func (g *guard) url() string {
	host := g.addr.IP.String()
	if g.addr.IP.IsUnspecified() {
		host = g.names[len(g.names)-1]
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(g.addr.Port)) + "/?token=" + g.token
}

// wrap answers what is refused, and hands on the rest.
func (g *guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		switch {
		case !g.ownHost(r.Host):
			http.Error(w, "Unknown host name. Open the address that ablate ui printed.", http.StatusMisdirectedRequest)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "This page is read-only.", http.StatusMethodNotAllowed)
		case r.URL.Path == "/" && r.URL.Query().Has("token"):
			g.exchange(w, r)
		case !g.known(r):
			http.Error(w, "Open the address that ablate ui printed: it holds the token that this page needs.", http.StatusUnauthorized)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// setHeaders sets what holds for every answer. The page adds its own policy.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
}

// ownHost reports whether the header Host names this server. The port may be that of
// a tunnel.
func (g *guard) ownHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if net.ParseIP(host) != nil {
		return true
	}
	for _, name := range g.names {
		if host == name && host != "" {
			return true
		}
	}
	return false
}

func (g *guard) known(r *http.Request) bool {
	c, err := r.Cookie(g.cookie)
	return err == nil && equal(c.Value, g.session)
}

// exchange answers a token with the cookie and a page that replaces the address. A
// redirect would not do: after a click on another site, a browser follows it without
// a strict cookie.
func (g *guard) exchange(w http.ResponseWriter, r *http.Request) {
	if !equal(r.URL.Query().Get("token"), g.token) {
		http.Error(w, "Wrong token. Open the address that ablate ui printed last.", http.StatusUnauthorized)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: g.cookie, Value: g.session, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; script-src "+hashOf(moveScript))
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.Write([]byte(`<!doctype html><meta charset="utf-8"><title>ablate</title><script>` + moveScript + `</script>`))
}

// moveScript keeps the part of the address that says what is shown.
const moveScript = `location.replace("/" + location.hash)`

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
