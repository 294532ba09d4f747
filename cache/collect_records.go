package cache

import (
	"cmp"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// maxLogs is how many bytes the logs of results that are needed may take.
	maxLogs = 256 << 20
	// keptJournals is how many of the newest journals stay.
	keptJournals = 20
)

// record is a file that describes how something was computed: a log or a journal.
type record struct {
	path string
	info fs.FileInfo
}

// addRecords adds logs and journals of runs. No result depends on them, but people
// read those of results that are needed, and of recent runs.
func (c *Collection) addRecords(needed map[Key]bool) error {
	logs, err := c.records(c.store.LogDir())
	if err != nil {
		return err
	}
	var kept int64
	for _, log := range logs {
		key, err := ParseKey(strings.TrimSuffix(filepath.Base(log.path), ".log"))
		why := ""
		switch {
		case c.young(log.info):
		case err != nil || !needed[key]:
			why = "log of an action that no recorded run and no pin needs"
		case kept+log.info.Size() > maxLogs:
			why = "exceeds the 256 MiB that logs may take"
		}
		if why == "" {
			kept += log.info.Size()
			continue
		}
		c.Items = append(c.Items, Garbage{Path: log.path, Bytes: log.info.Size(), Why: why})
	}
	journals, err := c.records(c.store.RunDir())
	if err != nil {
		return err
	}
	for _, j := range journals[min(len(journals), keptJournals):] {
		if !c.young(j.info) {
			c.Items = append(c.Items, Garbage{Path: j.path, Bytes: j.info.Size(), Why: "journal of an old run"})
		}
	}
	return nil
}

// records lists the files in a folder, the newest first.
func (c *Collection) records(dir string) (all []record, err error) {
	err = c.store.walk(dir, func(path string, info fs.FileInfo) { all = append(all, record{path, info}) })
	slices.SortFunc(all, func(a, b record) int {
		return cmp.Or(b.info.ModTime().Compare(a.info.ModTime()), strings.Compare(b.path, a.path))
	})
	return all, err
}
