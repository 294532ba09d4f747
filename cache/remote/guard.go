package remote

import (
	"net"
	"net/netip"
	"sync"
)

// maxStrangers bounds the connections of one address that have not sent the token yet.
// They last for seconds, so a client that has it finds room again.
const maxStrangers = 64

// guard keeps who has no token from taking all connections of a server.
type guard struct {
	mu        sync.Mutex
	strangers map[string]*stranger // by remote address and port
	from      map[netip.Prefix]int // how many of them
}

// stranger is a connection without an authorised request.
type stranger struct {
	net.Conn
	g     *guard
	place netip.Prefix
}

// guarded is a listener that closes what exceeds the bound, and keeps no place for it.
type guarded struct {
	net.Listener
	g *guard
}

// guarded wraps a listener.
func (s *Server) guarded(l net.Listener) net.Listener { return guarded{l, &s.guard} }

// Accept implements net.Listener.
func (l guarded) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if s, ok := l.g.enter(c); ok {
			return s, nil
		}
		c.Close()
	}
}

func (g *guard) enter(c net.Conn) (*stranger, bool) {
	s := &stranger{c, g, placeOfAddress(c.RemoteAddr())}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.from[s.place] >= maxStrangers {
		return nil, false
	}
	if g.strangers == nil {
		g.strangers, g.from = make(map[string]*stranger), make(map[netip.Prefix]int)
	}
	g.strangers[c.RemoteAddr().String()] = s
	g.from[s.place]++
	return s, true
}

// leave ends the count of a connection, because it is authorised or closed.
func (g *guard) leave(address string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.strangers[address]
	if s == nil {
		return
	}
	delete(g.strangers, address)
	if g.from[s.place]--; g.from[s.place] == 0 {
		delete(g.from, s.place)
	}
}

// Close implements net.Conn.
func (s *stranger) Close() error {
	s.g.leave(s.RemoteAddr().String())
	return s.Conn.Close()
}

// placeOfAddress is an IPv4 address, or the network of an IPv6 address: a host there has
// as many addresses as it likes.
func placeOfAddress(a net.Addr) netip.Prefix {
	at, _ := netip.ParseAddrPort(a.String()) // what is no address counts as one
	ip := at.Addr().Unmap()
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.WithZone("").Prefix(bits)
	return p
}
