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

// ErrKept is wrapped by the error of a push to a remote that keeps another result.
var ErrKept = errors.New("the remote keeps another result")

// Remote has the methods of a remote that the suite tests.
type Remote interface {
	Find(ctx context.Context, keys ...cache.Key) ([]*cache.Entry, error)
	Pull(ctx context.Context, to cache.Store, e cache.Entry, optional func(artifact string) bool) error
	Push(ctx context.Context, from cache.Store, e cache.Entry, absent []string) (blobs int, err error)
}

// Peer is an empty remote that the suite fills and damages.
type Peer struct {
	// Connect opens the remote as another machine does. The remote may stall for
	// limit; 0 stands for the limit that users have.
	Connect func(limit time.Duration) (Remote, error)
	// Spoil changes the objects, named ac/KEY and cas/SHA256, in place or when they
	// are read. A nil object is missing.
	Spoil func(t testing.TB, change func(name string, raw []byte) []byte)
	// Wire is the network in between; nil if there is none.
	Wire *Wire
}

// TestRemote checks the guarantees of a remote. start makes an empty one.
func TestRemote(t *testing.T, start func(t *testing.T) Peer) {
	for name, test := range map[string]func(*testing.T, Peer){
		"share": testShare, "first writer wins": testFirst, "lacking": testLacking, "resume": testResume, "many at once": testMany, "interrupt": testInterrupt,
	} {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
	for name, s := range spoilt() {
		t.Run(name, func(t *testing.T) { testSpoilt(t, start(t), s) })
	}
}

// TestFaults checks what a remote does when the network or the server fails. The
// peers that start makes have a wire.
func TestFaults(t *testing.T, start func(t *testing.T) Peer) {
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

// Published is a store with one entry for the key of a name.
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

// bring finds and pulls a result.
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

// A push that is interrupted while it reads a blob ends, and leaves nothing that is
// found.
func testInterrupt(t *testing.T, p Peer) {
	from, e := Published(t, "k")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := p.connect(t).Push(ctx, interrupting{from, cancel}, e, nil); err == nil {
		t.Error("an interrupted push did not fail")
	}
	if found, err := p.connect(t).Find(context.Background(), e.Key); err != nil || found[0] != nil {
		t.Errorf("after an interrupted push: %v, %v", found[0], err)
	}
}

// interrupting is a store whose blobs cancel the operation that reads them.
type interrupting struct {
	cache.Store
	cancel func()
}

// Open implements cache.Store.
func (s interrupting) Open(ctx context.Context, d cache.Digest) (io.ReadCloser, error) {
	r, err := s.Store.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	one := func(p []byte) (int, error) {
		s.cancel()
		return r.Read(p[:min(1, len(p))])
	}
	return struct {
		io.Reader
		io.Closer
	}{readerFunc(one), r}, nil
}

type readerFunc func([]byte) (int, error)

// Read implements io.Reader.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

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
	another := publish(t, other, Entry(e.Key, Put(t, other, "another"), 7))
	if _, err := r.Push(context.Background(), other, another, nil); !errors.Is(err, ErrKept) {
		t.Errorf("pushing another result: %v, want an error that the first one is kept", err)
	}
	equal := Memory(t)
	same := Entry(e.Key, Put(t, equal, "what k made"), len("what k made"))
	same.Created = same.Created.Add(time.Hour)
	if _, err := r.Push(context.Background(), equal, publish(t, equal, same), nil); err != nil {
		t.Errorf("pushing an equal result that was computed later: %v", err)
	}
	if now, err := r.Find(context.Background(), e.Key); err != nil || now[0] == nil || now[0].Artifacts[0].Digest != e.Artifacts[0].Digest {
		t.Errorf("the first result was replaced: %+v, %v", now[0], err)
	}
}

// Artifacts that were not sent are only missed where they are needed.
func testLacking(t *testing.T, p Peer) {
	ctx := context.Background()
	r, from, to := p.connect(t), Memory(t), Memory(t)
	e := Entry(Key("partly"), Put(t, from, "few"), 3)
	e.Artifacts = append(e.Artifacts, cache.Artifact{Name: "weights", Digest: Put(t, from, "many"), Size: 4})
	if _, err := r.Push(ctx, from, e, []string{"weights"}); err != nil {
		t.Fatal(err)
	}
	err := bring(t, r, to, e.Key)
	if err == nil || !strings.Contains(err.Error(), "weights") || !strings.Contains(err.Error(), "does not have it") {
		t.Errorf("an entry without its artifact: %v, want what is lacking", err)
	}
	if err := r.Pull(ctx, to, e, func(string) bool { return true }); err != nil {
		t.Error(err)
	}
	if found, err := to.Lookup(ctx, e.Key); err != nil || !found[0].OK || len(found[0].Absent) != 1 {
		t.Errorf("after Pull: %+v, %v, want a hit without its artifact", found, err)
	}
	equal := e // by a machine that computed it, too
	equal.Created, equal.Provenance = e.Created.Add(time.Hour), Put(t, from, "another machine")
	if n, err := r.Push(ctx, from, equal, nil); n != 1 || err != nil {
		t.Errorf("pushing an equal result with its artifact sent %d blobs, %v, want 1", n, err)
	}
	if err := bring(t, r, Memory(t), e.Key); err != nil {
		t.Errorf("an entry whose artifact was sent later: %v", err)
	}
}

// unreadable is a store with a blob that cannot be read.
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

// An interrupted transfer leaves no entry, and resumes where it stopped.
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
	// Pulling does not fetch again what the store holds.
	p.Spoil(t, func(name string, raw []byte) []byte {
		if strings.HasPrefix(name, "cas/") {
			return nil
		}
		return raw
	})
	if err := bring(t, r, to, e.Key); err != nil {
		t.Errorf("blobs that the store holds are fetched again: %v", err)
	}
}

// Many machines write the same keys. All of them read one winner, whole.
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
				if _, err := r.Push(ctx, from, e, nil); err != nil && !errors.Is(err, ErrKept) {
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

// lie changes an object, given its name, its bytes and the result of another key.
type lie struct {
	change func(name string, raw, other []byte) []byte
	says   string // one of several phrases, separated by bars
}

// spoilt are wrong answers that must be noticed.
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
		"blob gone":         {of("cas/", func([]byte, []byte) []byte { return nil }), "does not have it"},
		"page for a blob":   {of("cas/", page), "damaged|web page"},
		"page for a result": {of("ac/", page), "not an ActionResult|web page"},
		"no result":         {of("ac/", func([]byte, []byte) []byte { return []byte("bad") }), "not an ActionResult"},
		"empty result":      {of("ac/", func([]byte, []byte) []byte { return []byte{} }), "not an ActionResult"},
		"half a result":     {of("ac/", func(b, _ []byte) []byte { return b[:len(b)/2] }), "not an ActionResult|damaged"},
		"wrong digest":      {of("ac/", func(b, _ []byte) []byte { return flip(b, len(b)-9) }), "does not match its digest|damaged"},
		"another's result":  {of("ac/", func(_, other []byte) []byte { return other }), "it is the entry of"},
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
		t.Errorf("the wrong result was imported: %v", err)
	}
	for _, d := range []cache.Digest{cache.DigestOf([]byte("bad")), cache.DigestOf([]byte("<html>please log in</html>"))} {
		if _, err := to.Open(ctx, d); err == nil {
			t.Error("the wrong bytes were stored")
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
	says   string // "": retries succeed
	hangs  bool   // without a limit it would wait forever
	opened bool   // only reading notices it
}

func faults() map[string]trouble {
	always := func(f Fault) func() Fault { return func() Fault { return f } }
	refuse := func(code, times int, after string) func() Fault {
		return func() Fault { return Refuse(code, times, after) }
	}
	damage := func(_ string, raw []byte) []byte {
		raw[0] ^= 1
		return raw
	}
	return map[string]trouble{
		"forbidden":           {fault: refuse(http.StatusForbidden, -1, ""), says: "denies access (403)|access denied"},
		"busy for a moment":   {fault: refuse(http.StatusTooManyRequests, 2, "0")},
		"busy":                {fault: refuse(http.StatusTooManyRequests, -1, "0"), says: "too busy"},
		"failing a moment":    {fault: refuse(http.StatusServiceUnavailable, 2, "")},
		"failing":             {fault: refuse(http.StatusInternalServerError, -1, ""), says: "fails"},
		"a page for anything": {fault: always(Page), says: "web page|login page|not an ActionResult"},
		"hanging":             {fault: always(Hang), says: "timed out", hangs: true},
		"dribbling":           {fault: always(Dribble), says: "timed out", hangs: true, opened: true}, // HEAD succeeds
		"breaking off":        {fault: always(BreakOff), says: "EOF|connection", opened: true},
		"breaking off once":   {fault: func() Fault { return First(BreakOff) }, opened: true},
		"damaging once":       {fault: func() Fault { return First(Spoil(damage)) }, opened: true},
	}
}

// testFault breaks the wire of an open remote, and before it is opened.
func testFault(t *testing.T, p Peer, f trouble) {
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
			t.Errorf("%s: %v, want success after retries", what, err)
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
	if _, err := r.Push(ctx, other, unsent, nil); !oneOf(f.says, "web page") { // which accepts everything
		check("writing", err)
	}
	p.Wire.Break(f.fault())
	_, err = p.Connect(limit)
	check("opening", err)
}
