package ui

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	streamGap  = 50 * time.Millisecond // between two messages of a stream
	streamBeat = 20 * time.Second      // between two comments that keep an idle stream open
)

// stream sends a study, and then what changes in it, as server-sent events. A
// browser that reconnects starts with the whole study again.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	s.board.watch(1)
	defer s.board.watch(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	var seen uint64
	for {
		events, version, changed := s.board.since(r.URL.Query().Get("study"), seen)
		seen = version
		for _, e := range events {
			if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", e.name, e.data); err != nil {
				return
			}
		}
		if out.Flush() != nil || sleep(r.Context(), streamGap) != nil || !s.pause(w, r, changed) {
			return
		}
	}
}

// pause waits for a change, and reports whether the browser is still there.
func (s *Server) pause(w http.ResponseWriter, r *http.Request, changed <-chan struct{}) bool {
	beat := time.NewTimer(streamBeat)
	defer beat.Stop()
	select {
	case <-r.Context().Done():
		return false
	case <-changed:
		return true
	case <-beat.C:
		_, err := fmt.Fprint(w, ": still here\n\n")
		return err == nil
	}
}

// message is a server-sent event.
type message struct {
	name string
	data []byte
}

// since lists what changed in a study after a version: all of it after a new plan,
// else the instances that changed.
func (b *board) since(id string, seen uint64) (out []message, version uint64, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.find(id)
	switch {
	case s == nil && seen == 0:
		out = append(out, message{name: "study", data: []byte("null")})
	case s == nil:
	case s.version > seen || seen == 0:
		s.Remaining = s.estimate(time.Now())
		out = append(out, encode("study", s))
	case s.touched > seen:
		var some []*Instance
		for _, i := range s.Instances {
			if i.version > seen {
				some = append(some, i)
			}
		}
		out = append(out, encode("instances", some), encode("remaining", s.estimate(time.Now())))
	}
	return out, b.version, b.changed
}

func encode(name string, doc any) message {
	raw, err := json.Marshal(doc)
	if err != nil {
		panic("ui: a study does not marshal: " + err.Error()) // journals hold finite numbers
	}
	return message{name: name, data: raw}
}

func (b *board) watch(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watchers += n
}
