package ui

import (
	"io"
	"os"
	"slices"

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
}

// read hands every new record, oldest journal first, to each. What cannot be read
// now is tried again the next time.
func (t *tails) read(each func(studyID, run.Record)) {
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
func (t *tail) read(name string, each func(studyID, run.Record)) {
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
			t.study = studyID{name: r.Study, dir: r.Dir}
		}
		if t.study.name != "" { // older versions did not name the study
			each(t.study, r)
		}
		return true
	})
	t.offset += complete
}
