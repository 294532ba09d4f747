package ui

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strconv"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/pipeline/action"
	"ablate/pipeline/launch"
	"ablate/stages/record"
)

// routes are the parts of the server, each below a path of its own.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", s.page)
	mux.HandleFunc("GET /api/studies", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.board.list()) })
	mux.HandleFunc("GET /api/events", s.stream)
	mux.HandleFunc("GET /api/curves", s.answerCurves)
	mux.HandleFunc("GET /api/instance", s.answerInstance)
	mux.HandleFunc("GET /artifact", s.sendArtifact)
	return mux
}

func answer(w http.ResponseWriter, doc any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(doc) // an error means that the browser is gone
}

// answerCurves sends a metric of all trials of a study, or of those that the request
// names.
func (s *Server) answerCurves(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p := part{points: maxShown}
	p.from, _ = strconv.Atoi(q.Get("from")) // 0 is no bound
	p.to, _ = strconv.Atoi(q.Get("to"))
	if p.to == 0 { // zoomed, curves have more detail
		p.points = pointsOf(len(s.board.subjects(q.Get("study"), nil)))
	}
	subjects := s.board.subjects(q.Get("study"), q["address"])
	curves, err := s.curves.read(r.Context(), subjects, q.Get("metric"), s.board.response(q.Get("study")), p)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, curves)
}

// response is the metric that the analyses of a study are about; "" if none is known.
func (b *board) response(id string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if study := b.find(id); study != nil {
		return study.Response
	}
	return ""
}

// subjects lists the trials of a study, or those of some addresses.
func (b *board) subjects(id string, addresses []string) []subject {
	b.mu.Lock()
	defer b.mu.Unlock()
	study := b.find(id)
	if study == nil {
		return nil
	}
	instances := study.Instances
	if len(addresses) > 0 {
		instances = nil
		for _, a := range addresses {
			if i := study.of[a]; i != nil {
				instances = append(instances, i)
			}
		}
	}
	var out []subject
	for _, i := range instances {
		if i.Trial {
			out = append(out, subject{address: i.Address, key: i.Key, cached: i.State == Cached, points: i.points.list, imported: i.imported})
		}
	}
	return out
}

// Detail is what the page shows of one instance.
type Detail struct {
	Instance
	Spec       string             `json:"spec,omitempty"`
	Provenance *action.Provenance `json:"provenance,omitempty"`
	Artifacts  []cache.Artifact   `json:"artifacts,omitempty"`
	Text       string             `json:"text,omitempty"` // of an analysis: its tables
	Probes     []ProbeMap         `json:"probes,omitempty"`
	Log        string             `json:"log,omitempty"` // the end of it
}

func (s *Server) answerInstance(w http.ResponseWriter, r *http.Request) {
	i, ok := s.board.instance(r)
	if !ok {
		http.Error(w, "The study has no such instance.", http.StatusNotFound)
		return
	}
	d := Detail{Instance: i, Spec: i.Spec}
	if err := s.addEntry(r.Context(), &d); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	d.Log = endOf(launch.Local{Logs: s.store.LogDir()}.LogPath(i.Key))
	answer(w, d)
}

// instance finds the instance that a request names.
func (b *board) instance(r *http.Request) (Instance, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := r.URL.Query()
	if study := b.find(q.Get("study")); study != nil {
		if i := study.of[q.Get("address")]; i != nil {
			return *i, true
		}
	}
	return Instance{}, false
}

// addEntry adds what the store holds of an instance.
func (s *Server) addEntry(ctx context.Context, d *Detail) error {
	found, err := s.store.Lookup(ctx, d.Key, d.PartialKey)
	if err != nil {
		return err
	}
	if !found[0].OK {
		found = found[1:]
	}
	if !found[0].OK {
		return nil
	}
	entry := found[0].Entry
	d.Artifacts = entry.Artifacts
	if raw, err := cache.ReadAll(ctx, s.store, entry.Provenance); err == nil {
		var p action.Provenance
		if json.Unmarshal(raw, &p) == nil {
			d.Provenance = &p
		}
	}
	if a, ok := entry.Artifact(record.Metrics); ok && d.Trial && !slices.Contains(found[0].Absent, a.Name) {
		if d.Metrics, err = s.finalMetrics(ctx, a.Digest); err != nil {
			return fmt.Errorf("reading the metrics of %s: %w", d.Address, err)
		}
		d.At = nil
	}
	if a, ok := entry.Artifact(record.Probes); ok && !slices.Contains(found[0].Absent, a.Name) {
		if d.Probes, err = s.readProbes(ctx, a.Digest); err != nil {
			return fmt.Errorf("reading the probes of %s: %w", d.Address, err)
		}
	}
	if a, ok := entry.Artifact(d.Answers); ok {
		raw, err := cache.ReadAll(ctx, s.store, a.Digest)
		if err != nil {
			return fmt.Errorf("reading the tables of %s: %w", d.Address, err)
		}
		d.Text = string(raw)
	}
	return nil
}

// finalMetrics are the last values of a finished trial. What it reported while it ran is
// older: reports are rarer than steps.
func (s *Server) finalMetrics(ctx context.Context, rows cache.Digest) (map[string]float64, error) {
	blob, err := s.store.Open(ctx, rows)
	if cache.IsLost(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	out := make(map[string]float64)
	for row, err := range record.Read(blob, nil) {
		if err != nil {
			if err = verified(blob, err); cache.IsLost(err) {
				return nil, nil
			}
			return nil, err
		}
		delete(out, row.Name)
		if row.Name != record.Diverged && row.Finite() {
			out[row.Name] = row.Value
		}
	}
	return out, nil
}

// maxLog is how much of a log's end is sent.
const maxLog = 32 << 10

// endOf reads the end of a log; "" if there is none.
func endOf(path string) string {
	f, err := fsys.OpenRegular(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > maxLog {
		f.Seek(-maxLog, io.SeekEnd) // if it fails, the beginning is sent
	}
	raw, _ := io.ReadAll(io.LimitReader(f, maxLog)) // what could be read
	return string(raw)
}

// sendArtifact sends an artifact as a file, never as something that a browser would
// show with the rights of this page.
func (s *Server) sendArtifact(w http.ResponseWriter, r *http.Request) {
	i, ok := s.board.instance(r)
	name := r.URL.Query().Get("name")
	var found []cache.Found
	var err error
	if ok && !i.Key.IsZero() {
		found, err = s.store.Lookup(r.Context(), i.Key)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if len(found) == 0 || !found[0].OK {
		http.NotFound(w, r)
		return
	}
	a, ok := found[0].Entry.Artifact(name)
	if !ok {
		http.NotFound(w, r)
		return
	}
	blob, err := s.store.Open(r.Context(), a.Digest)
	if errors.Is(err, fs.ErrNotExist) {
		http.Error(w, "The store no longer holds this artifact.", http.StatusNotFound)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer blob.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(a.Size, 10))
	w.Header().Set("Content-Disposition", "attachment; filename="+strconv.QuoteToASCII(a.Name))
	io.Copy(w, blob) // an error means that the browser is gone
}
