package cachetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"ablate/cache"
	"ablate/cache/fsys"
)

// Remote is what the suite asks of a remote.
type Remote interface {
	Find(ctx context.Context, keys ...cache.Key) ([]*cache.Entry, error)
	Pull(ctx context.Context, to cache.Store, e cache.Entry, optional func(artifact string) bool) error
	Push(ctx context.Context, from cache.Store, e cache.Entry, absent []string) (blobs int, err error)
}

// Peer is an empty remote that the suite fills, and spoils.
type Peer struct {
	// Connect is what another machine does first. The remote may hang for as
	// long as limit; 0 is as long as for users.
	Connect func(limit time.Duration) (Remote, error)
	// Spoil changes the objects, named ac/KEY and cas/SHA256, where they are or
	// when they are read. nil takes one away.
	Spoil func(t testing.TB, change func(name string, raw []byte) []byte)
	// Wire leads there; nil where there is no network.
	Wire *Wire
}

// TestRemote checks a remote's promises. start makes an empty one.
func TestRemote(t *testing.T, start func(t *testing.T) Peer) {
	for name, test := range map[string]func(*testing.T, Peer){
		"share": testShare, "first writer wins": testFirst, "lacking": testLacking, "resume": testResume, "many at once": testMany,
	} {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
	for name, s := range spoilt() {
		t.Run(name, func(t *testing.T) { testSpoilt(t, start(t), s) })
	}
	for name, f := range faults() {
		t.Run(name, func(t *testing.T) { testFault(t, start(t), f) })
	}
}

func (p Peer) connect(t testing.TB) Remote {
	t.Helper()
	r, err := p.Connect(0)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Memory is a new store without a disk.
func Memory(t testing.TB) *cache.Local {
	t.Helper()
	s, err := cache.Open(fsys.NewMemory(), "/store")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Published is a store with one entry under a key of a name.
func Published(t testing.TB, name string) (*cache.Local, cache.Entry) {
	t.Helper()
	s := Memory(t)
	text := "what " + name + " made"
	return s, publish(t, s, Entry(Key(name), Put(t, s, text), len(text)))
}

func publish(t testing.TB, s cache.Store, e cache.Entry) cache.Entry {
	t.Helper()
	e, err := s.Publish(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func push(t testing.TB, r Remote, from cache.Store, e cache.Entry) (blobs int) {
	t.Helper()
	blobs, err := r.Push(context.Background(), from, e, nil)
	if err != nil {
		t.Fatalf("Push: %v", err)
	}
	return blobs
}

// bring is what a machine does that wants a result.
func bring(t testing.TB, r Remote, to cache.Store, k cache.Key) error {
	t.Helper()
	found, err := r.Find(context.Background(), k)
	if err != nil {
		return err
	}
	if found[0] == nil {
		return errors.New("the entry is not found")
	}
	return r.Pull(context.Background(), to, *found[0], nil)
}

func testShare(t *testing.T, p Peer) {
	ctx := context.Background()
	r := p.connect(t)
	from, e := Published(t, "k")
	if found, err := r.Find(ctx, e.Key); err != nil || found[0] != nil {
		t.Fatalf("Find in an empty remote = %v, %v", found[0], err)
	}
	if n := push(t, r, from, e); n == 0 {
		t.Error("Push moved nothing")
	}
	if n := push(t, r, from, e); n != 0 {
		t.Errorf("pushing again moved %d blobs, want none", n)
	}
	there, to := p.connect(t), Memory(t)
	found, err := there.Find(ctx, Key("x"), e.Key)
	if err != nil || found[0] != nil || found[1] == nil || found[1].Key != e.Key {
		t.Fatalf("Find = %v, %v, want a miss and a hit", found, err)
	}
	if err := there.Pull(ctx, to, *found[1], nil); err != nil {
		t.Fatal(err)
	}
	if got, err := cache.ReadAll(ctx, to, e.Artifacts[0].Digest); err != nil || string(got) != "what k made" {
		t.Errorf("pulled %q, %v", got, err)
	}
	empty := publish(t, from, Entry(Key("empty"), Put(t, from, ""), 0))
	push(t, r, from, empty)
	if err := bring(t, there, to, empty.Key); err != nil {
		t.Errorf("an entry of empty blobs: %v", err)
	}
}

func testFirst(t *testing.T, p Peer) {
	r := p.connect(t)
	from, e := Published(t, "k")
	push(t, r, from, e)
	other := Memory(t)
	push(t, r, other, publish(t, other, Entry(e.Key, Put(t, other, "another"), 7)))
	if now, err := r.Find(context.Background(), e.Key); err != nil || now[0] == nil || now[0].Artifacts[0].Digest != e.Artifacts[0].Digest {
		t.Errorf("the first result was replaced: %+v, %v", now[0], err)
	}
}

// What was not sent is missed only by who cannot do without.
func testLacking(t *testing.T, p Peer) {
	ctx := context.Background()
	r, from, to := p.connect(t), Memory(t), Memory(t)
	e := Entry(Key("partly"), Put(t, from, "few"), 3)
	e.Artifacts = append(e.Artifacts, cache.Artifact{Name: "weights", Digest: Put(t, from, "many"), Size: 4})
	if _, err := r.Push(ctx, from, e, []string{"weights"}); err != nil {
		t.Fatal(err)
	}
	err := bring(t, r, to, e.Key)
	if err == nil || !strings.Contains(err.Error(), "weights") || !strings.Contains(err.Error(), "it is not there") {
		t.Errorf("an entry without its artifact: %v, want what is lacking", err)
	}
	if err := r.Pull(ctx, to, e, func(string) bool { return true }); err != nil {
		t.Error(err)
	}
	if found, err := to.Lookup(ctx, e.Key); err != nil || !found[0].OK || len(found[0].Absent) != 1 {
		t.Errorf("after Pull: %+v, %v, want a hit without its artifact", found, err)
	}
}

// unreadable is a store that lacks a blob which it ought to have.
type unreadable struct {
	cache.Store
	d cache.Digest
}

var errUnreadable = errors.New("the disk is broken")

// Open implements cache.Store.
func (u unreadable) Open(ctx context.Context, d cache.Digest) (io.ReadCloser, error) {
	if d == u.d {
		return nil, errUnreadable
	}
	return u.Store.Open(ctx, d)
}

// A transfer that broke off shows no entry, and goes on where it was.
func testResume(t *testing.T, p Peer) {
	ctx := context.Background()
	r, from := p.connect(t), Memory(t)
	e := Entry(Key("k"), Put(t, from, "first"), 5)
	const parts = 5
	var last cache.Digest
	for i := range parts {
		text := fmt.Sprint("part ", i)
		last = Put(t, from, text)
		e.Artifacts = append(e.Artifacts, cache.Artifact{Name: fmt.Sprint("part", i), Digest: last, Size: int64(len(text))})
	}
	e = publish(t, from, e)
	if _, err := r.Push(ctx, unreadable{from, last}, e, nil); !errors.Is(err, errUnreadable) {
		t.Fatalf("Push of what cannot be read: %v", err)
	}
	if found, err := r.Find(ctx, e.Key); err != nil || found[0] != nil {
		t.Errorf("after half a transfer, Find = %v, %v, want a miss", found[0], err)
	}
	if n := push(t, r, from, e); n == 0 {
		t.Error("nothing was left to send")
	}
	to := Memory(t)
	if err := bring(t, r, to, e.Key); err != nil {
		t.Error(err)
	}
	// Pulling, too: what is here is not fetched again.
	p.Spoil(t, func(name string, raw []byte) []byte {
		if strings.HasPrefix(name, "cas/") {
			return nil
		}
		return raw
	})
	if err := bring(t, r, to, e.Key); err != nil {
		t.Errorf("what is here is asked for again: %v", err)
	}
}

// Many machines write the same keys; everybody reads one winner, whole.
func testMany(t *testing.T, p Peer) {
	ctx := context.Background()
	const writers, keys = 8, 6
	var wg sync.WaitGroup
	for w := range writers {
		r, from := p.connect(t), Memory(t)
		var entries []cache.Entry
		for i := range keys {
			text := fmt.Sprintf("writer %d key %d", w, i)
			entries = append(entries, publish(t, from, Entry(Key(fmt.Sprint(i)), Put(t, from, text), len(text))))
		}
		wg.Go(func() {
			var seen []cache.Digest
			for _, e := range entries {
				if _, err := r.Push(ctx, from, e, nil); err != nil {
					t.Error(err)
					return
				}
				found, err := r.Find(ctx, e.Key)
				if err != nil || found[0] == nil {
					t.Errorf("Find after Push = %v, %v", found, err)
					return
				}
				seen = append(seen, found[0].Artifacts[0].Digest)
			}
			for i, e := range entries {
				if found, err := r.Find(ctx, e.Key); err != nil || found[0] == nil || found[0].Artifacts[0].Digest != seen[i] {
					t.Errorf("writer %d saw the result of key %d replaced: %v", w, i, err)
				}
			}
		})
	}
	wg.Wait()
	r, to := p.connect(t), Memory(t)
	for i := range keys {
		if err := bring(t, r, to, Key(fmt.Sprint(i))); err != nil {
			t.Error(err)
		}
	}
}

// lie says what becomes of an object: its name, its bytes, and the result of
// another key.
type lie struct {
	change func(name string, raw, other []byte) []byte
	says   string // one of several phrases, divided by bars
}

// spoilt are the answers that a peer may not get away with.
func spoilt() map[string]lie {
	of := func(kind string, f func(raw, other []byte) []byte) func(string, []byte, []byte) []byte {
		return func(name string, raw, other []byte) []byte {
			if strings.HasPrefix(name, kind) {
				return f(raw, other)
			}
			return raw
		}
	}
	flip := func(raw []byte, at int) []byte {
		raw[at] ^= 1
		return raw
	}
	page := func([]byte, []byte) []byte { return []byte("<html>please log in</html>") }
	return map[string]lie{
		"other bytes":       {of("cas/", func([]byte, []byte) []byte { return []byte("bad") }), "damaged"},
		"no bytes":          {of("cas/", func([]byte, []byte) []byte { return []byte{} }), "damaged"},
		"one bit":           {of("cas/", func(b, _ []byte) []byte { return flip(b, 0) }), "damaged"},
		"cut short":         {of("cas/", func(b, _ []byte) []byte { return b[:len(b)/2] }), "damaged"},
		"too long":          {of("cas/", func(b, _ []byte) []byte { return append(b, b...) }), "damaged"},
		"blob gone":         {of("cas/", func([]byte, []byte) []byte { return nil }), "it is not there"},
		"page for a blob":   {of("cas/", page), "damaged|web page"},
		"page for a result": {of("ac/", page), "no ActionResult|web page"},
		"no result":         {of("ac/", func([]byte, []byte) []byte { return []byte("bad") }), "no ActionResult"},
		"empty result":      {of("ac/", func([]byte, []byte) []byte { return []byte{} }), "no ActionResult"},
		"half a result":     {of("ac/", func(b, _ []byte) []byte { return b[:len(b)/2] }), "no ActionResult|damaged"},
		"wrong digest":      {of("ac/", func(b, _ []byte) []byte { return flip(b, len(b)-9) }), "does not have its digest|damaged"},
		"another's result":  {of("ac/", func(_, other []byte) []byte { return other }), "answers with the entry of"},
	}
}

func testSpoilt(t *testing.T, p Peer, l lie) {
	ctx := context.Background()
	from, good := Published(t, "good")
	stranger, other := Published(t, "other")
	r := p.connect(t)
	push(t, r, from, good)
	push(t, r, stranger, other)
	var result []byte
	var mu sync.Mutex
	p.Spoil(t, func(name string, raw []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		if name == "ac/"+other.Key.String() {
			result = append([]byte{}, raw...)
		}
		return raw
	})
	if found, err := r.Find(ctx, other.Key); err != nil || found[0] == nil || result == nil {
		t.Fatalf("Find = %v, %v", found, err)
	}
	p.Spoil(t, func(name string, raw []byte) []byte { return l.change(name, raw, result) })
	to := Memory(t)
	err := bring(t, r, to, good.Key)
	if err == nil || !oneOf(err.Error(), l.says) || !strings.Contains(err.Error(), good.Key.String()) {
		t.Errorf("got %v, want %q and the key", err, l.says)
	}
	if here, err := to.Lookup(ctx, good.Key); err != nil || here[0].OK {
		t.Errorf("the lie got into the store: %v", err)
	}
	for _, d := range []cache.Digest{cache.DigestOf([]byte("bad")), cache.DigestOf([]byte("<html>please log in</html>"))} {
		if _, err := to.Open(ctx, d); err == nil {
			t.Error("the wrong bytes got into the store")
		}
	}
}

func oneOf(text, phrases string) bool {
	for _, w := range strings.Split(phrases, "|") {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// trouble is a fault of the network or the server.
type trouble struct {
	fault  func() Fault
	says   string // "": it is got over
	hangs  bool   // what would be waited for
	opened bool   // only reading notices
}

func faults() map[string]trouble {
	always := func(f Fault) func() Fault { return func() Fault { return f } }
	refuse := func(code, times int, after string) func() Fault {
		return func() Fault { return Refuse(code, times, after) }
	}
	return map[string]trouble{
		"forbidden":           {fault: refuse(http.StatusForbidden, -1, ""), says: "refuses us (403)|we may not do this"},
		"busy for a moment":   {fault: refuse(http.StatusTooManyRequests, 2, "0")},
		"busy":                {fault: refuse(http.StatusTooManyRequests, -1, "0"), says: "too busy"},
		"failing a moment":    {fault: refuse(http.StatusServiceUnavailable, 2, "")},
		"failing":             {fault: refuse(http.StatusInternalServerError, -1, ""), says: "fails"},
		"a page for anything": {fault: always(Page), says: "web page|no ActionResult"},
		"hanging":             {fault: always(Hang), says: "it hangs", hangs: true},
		"dribbling":           {fault: always(Dribble), says: "it hangs", hangs: true, opened: true}, // a bare header is an answer, too
		"breaking off":        {fault: always(BreakOff), says: "EOF|connection", opened: true},
	}
}

// testFault breaks the wire under an open connection and before one is made.
func testFault(t *testing.T, p Peer, f trouble) {
	if p.Wire == nil {
		t.Skip("there is no network between")
	}
	defer p.Wire.Break(nil)
	ctx := context.Background()
	from, e := Published(t, "k")
	var limit time.Duration
	if f.hangs {
		limit = time.Second
	}
	push(t, p.connect(t), from, e)
	r, err := p.Connect(limit)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, err error) {
		t.Helper()
		switch {
		case f.says == "" && err != nil:
			t.Errorf("%s: %v, want that it is got over", what, err)
		case f.says != "" && (err == nil || !oneOf(err.Error(), f.says)):
			t.Errorf("%s: %v, want %q", what, err, f.says)
		}
	}
	p.Wire.Break(f.fault())
	check("reading", bring(t, r, Memory(t), e.Key))
	if f.opened {
		return
	}
	other, unsent := Published(t, "unsent")
	p.Wire.Break(f.fault())
	if _, err := r.Push(ctx, other, unsent, nil); !oneOf(f.says, "web page") { // which swallows everything
		check("writing", err)
	}
	p.Wire.Break(f.fault())
	_, err = p.Connect(limit)
	check("opening", err)
}
