package ui

import (
	"io"
	"os"
	"slices"
	"time"

	"ablate/cache/fsys"
	"ablate/pipeline/run"
)

// tails reads journals as they grow.
type tails struct {
	folder string
	files  map[string]*tail
}

// tail is one journal and how far it was read.
type tail struct {
	offset int64
	study  studyID
	began  time.Time // of the run
}

// read hands every new record, oldest journal first, to each, with the study and the beginning
// of its run. What cannot be read now is tried again the next time.
func (t *tails) read(each func(studyID, time.Time, run.Record)) {
	names := run.Journals(t.folder)
	for _, name := range names {
		if t.files[name] == nil {
			t.files[name] = &tail{}
		}
		t.files[name].read(name, each)
	}
	for name := range t.files {
		if !slices.Contains(names, name) { // removed as one of the oldest
			delete(t.files, name)
		}
	}
}

// read reads the complete lines after the offset.
func (t *tail) read(name string, each func(studyID, time.Time, run.Record)) {
	info, err := os.Stat(name)
	if err != nil || info.Size() == t.offset {
		return
	}
	f, err := fsys.OpenRegular(name)
	if err != nil {
		return
	}
	defer f.Close()
	complete, _ := run.ReadRecords(io.NewSectionReader(f, t.offset, info.Size()-t.offset), func(r run.Record) bool {
		if r.Type == run.RunStart {
			t.study, t.began = studyID{name: r.Study, dir: r.Dir}, r.Time
		}
		if t.study.name != "" { // older versions did not name the study
			each(t.study, t.began, r)
		}
		return true
	})
	t.offset += complete
}
