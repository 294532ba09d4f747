package ui

import (
	"cmp"
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
	v := view{id: r.URL.Query().Get("study")}
	for {
		events, changed := s.board.since(&v)
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

// view is what one stream shows.
type view struct {
	id    string // of the study that was asked for; "" is any
	study string // id of the study that was sent; "" is none yet
	seen  uint64 // the version that was sent; 0 is none yet
}

// since lists what changed in the study of a view since it was sent: all of it after a
// new plan, else the instances that changed. A view of any study shows the one at hand,
// else stays with the one that it has, whichever runs next.
func (b *board) since(v *view) (out []message, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.find(cmp.Or(v.id, b.here, v.study))
	switch {
	case s == nil && v.seen == 0:
		out = append(out, message{name: "study", data: []byte("null")})
	case s == nil:
	case s.ID != v.study || s.version > v.seen:
		v.study = s.ID
		s.Remaining = s.estimate(time.Now())
		out = append(out, encode("study", s))
	case s.touched > v.seen:
		var some []*Instance
		for _, i := range s.Instances {
			if i.version > v.seen {
				some = append(some, i)
			}
		}
		out = append(out, encode("instances", some), encode("remaining", s.estimate(time.Now())))
	}
	v.seen = b.version
	return out, b.changed
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
