package cli

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"ablate/cache"
	"ablate/cache/fsys"
	"ablate/cmd/ablate/internal/view"
	"ablate/hcl"
	"ablate/hcl/diag"
	"ablate/hcl/study"
	"ablate/pipeline/action"
	"ablate/pipeline/graph"
	"ablate/pipeline/launch"
	"ablate/pipeline/process"
	"ablate/stages/record"
)

// maxFile bounds the files that commands read whole.
const maxFile = 256 << 20

// session is one invocation: its environment, the options that all commands share,
// and the configuration, store, study and remote that they lead to.
type session struct {
	app App

	dir      string
	vars     []hcl.Var
	json     bool
	noColor  bool
	logLevel string
	offline  bool

	shown      *view.View  // made on first use
	configured *hcl.Config // read on first use
	ownRemote  string      // that the user's own configuration names; set with configured

	unconfigured error // why the user's own configuration cannot be looked for; set with configured

	resumes bool // the same command again continues what was interrupted

	idle        launch.IdleChildren    // child processes on this machine that wait for the next action
	idleOnHosts []*launch.IdleChildren // those over ssh, for each executor
}

// closeIdle ends the idle child processes.
func (s *session) closeIdle() {
	s.idle.Close()
	for _, children := range s.idleOnHosts {
		children.Close()
	}
}

// quietly makes a session on the same study that prints only remarks, to told, and does not
// use the remote.
func quietly(s *session, told io.Writer) *session {
	q := &session{app: s.app, dir: s.dir, vars: s.vars, logLevel: s.logLevel, offline: true}
	q.app.Stdout, q.app.Stderr = io.Discard, told
	return q
}

// view returns the session's view.
func (s *session) view() *view.View {
	if s.shown == nil {
		s.shown = view.New(view.Options{
			Stdout: s.app.Stdout, Stderr: s.app.Stderr, JSON: s.json,
			Color: !s.noColor && view.ColorWanted(s.app.Environ, s.app.Stderr), ColorResults: view.IsTerminal(s.app.Stdout),
			Dumb: view.DumbTerminal(s.app.Environ),
		})
	}
	return s.shown
}

// show reports an event.
func (s *session) show(e view.Event) { s.view().Show(e) }

// lookupEnv finds a variable in the session's environment. The last one wins.
func (s *session) lookupEnv(name string) (value string, ok bool) {
	for i := len(s.app.Environ) - 1; i >= 0; i-- {
		if k, v, _ := strings.Cut(s.app.Environ[i], "="); k == name {
			return v, true
		}
	}
	return "", false
}

func (s *session) getenv(name string) string {
	value, _ := s.lookupEnv(name)
	return value
}

// config is the configuration of the machine and the team: the user's file, then
// that of the study's folder if the user trusts it, then the environment.
func (s *session) config() (hcl.Config, error) {
	if s.configured != nil {
		return *s.configured, nil
	}
	c, own, list := s.readConfigs()
	s.ownRemote = own
	s.view().Sources(c.Sources)
	if err := list.Err(); err != nil {
		return c, err
	}
	if dir := s.getenv("ABLATE_CACHE_DIR"); dir != "" {
		c.CacheDir = dir
	}
	if url := s.getenv("ABLATE_REMOTE"); url != "" {
		c.Remote.URL = url
	}
	if push := s.getenv("ABLATE_REMOTE_PUSH"); push != "" {
		var err error
		if c.Remote.Push, err = strconv.ParseBool(push); err != nil {
			return c, fmt.Errorf("ABLATE_REMOTE_PUSH: must be true or false, not %q", push)
		}
	}
	if ns := s.getenv("ABLATE_REMOTE_NAMESPACE"); ns != "" {
		if err := hcl.CheckNamespace(ns); err != nil {
			return c, fmt.Errorf("ABLATE_REMOTE_NAMESPACE: %w", err)
		}
		c.Remote.Namespace = ns
	}
	s.configured = &c
	return c, nil
}

// host describes this machine for provenance: by a pseudonym, unless the user wants
// the names of the machine and the user in what others can read.
func (s *session) host(executable cache.Digest) action.Host {
	h := action.ThisHost(executable)
	if c, err := s.config(); err == nil && c.Remote.Identify {
		return h.Named()
	}
	return h
}

// storeDir is the folder of the store.
func (s *session) storeDir() (string, error) {
	c, err := s.config()
	if err != nil {
		return "", err
	}
	if c.CacheDir != "" {
		return filepath.Abs(c.CacheDir)
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the user's cache folder: %w: set ABLATE_CACHE_DIR to a folder for the store", err)
	}
	return filepath.Join(base, "ablate"), nil
}

// openStore opens the local store.
func (s *session) openStore() (*cache.Local, error) {
	dir, err := s.storeDir()
	if err != nil {
		return nil, err
	}
	files := s.app.Files
	if files == nil {
		files = fsys.NewOS()
	}
	store, err := cache.Open(files, dir)
	if err != nil {
		return nil, err
	}
	store.OnUnclassified(record.LegacyRetention)
	store.OnHealed(func(err error) {
		s.view().Diagnostics(diag.Warningf(nil, "Damage in the store", "%v.", err))
	})
	return store, nil
}

// loadStudy reads and links the study. Warnings are shown; errors come back as
// diagnostics.
func (s *session) loadStudy() (linked *graph.Graph, err error) {
	loaded, diags := hcl.Load(hcl.Options{
		Dir: s.dir, Kinds: graph.LanguageKinds(s.app.Kinds), Environ: s.app.Environ, Vars: s.vars, Outside: trustedFolder(s.dir),
	})
	s.view().Sources(loaded.Sources)
	if err := diags.Err(); err != nil {
		return nil, err
	}
	// Stages may run in other folders.
	if loaded.Dir, err = filepath.Abs(s.dir); err != nil {
		return nil, fmt.Errorf("finding the study's folder: %w", err)
	}
	linked, more := graph.Build(loaded, s.app.Kinds)
	if err := more.Err(); err != nil {
		return nil, append(diags, more...).Err()
	}
	s.view().Diagnostics(append(diags, more...))
	return linked, nil
}

// readLock reads the study's lock file and lets diagnostics quote from it.
func (s *session) readLock() (hcl.Lock, diag.List) {
	lock, list := hcl.ReadLock(s.dir)
	s.view().Sources(map[string][]byte{study.LockFile: lock.Text})
	return lock, list
}

// writeLock replaces the study's lock file.
func (s *session) writeLock(lock hcl.Lock) error {
	name := filepath.Join(s.dir, study.LockFile)
	if err := fsys.Rewrite(name, hcl.FormatLock(lock)); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

// warnUnknownExecutors warns of executors that run would refuse.
func (s *session) warnUnknownExecutors(of *study.Study) {
	c, err := s.config()
	if err != nil {
		return // opening the store reports it
	}
	list := c.Unknown(of)
	for i := range list {
		list[i].Severity = diag.Warning
	}
	s.view().Diagnostics(list)
}

// logger makes the session's logger.
func (s *session) logger() *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.logLevel)); err != nil {
		panic("cli: --log has an unknown level: " + err.Error())
	}
	return slog.New(slog.NewTextHandler(s.app.Stderr, &slog.HandlerOptions{Level: level}))
}

// command is the command line of a command on this study, with the variables that
// this invocation was given.
func (s *session) command(name string, args ...string) string {
	words := []string{"ablate", name}
	if s.dir != "." {
		words = append(words, "--chdir", process.ShellQuote(s.dir))
	}
	for _, v := range s.vars {
		if v.File != "" {
			words = append(words, "--var-file", process.ShellQuote(v.File))
		} else {
			words = append(words, "--var", process.ShellQuote(v.Name+"="+v.Value))
		}
	}
	for _, a := range args {
		words = append(words, process.ShellQuote(a))
	}
	return strings.Join(words, " ")
}
