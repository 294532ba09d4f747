//go:build unix

package elsewhere

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ablate/cache"
)

// TestSSH runs trials over a fake ssh that runs the command locally and records the
// host.
func TestSSH(t *testing.T) {
	c := newElsewhere(t)
	fake := `#!/bin/sh
while [ "$1" = -o ]; do shift 2; done
host=$1; shift
[ $host = down ] && { echo "ssh: connect to host down port 22: Connection refused" >&2; exit 255; }
echo "$host $*" >>` + c.dir + `/hosts
exec sh -c "$*"
`
	if err := os.WriteFile(filepath.Join(c.dir, "ssh"), []byte(fake), 0o700); err != nil {
		t.Fatal(err)
	}
	config := func(body string) string { return "executor \"ssh\" \"main\" {\n" + body + "}\n" }

	t.Run("trials", func(t *testing.T) {
		l := c.newLab(t, 6, 3, "")
		l.write(t, ".ablate/config.hcl", config("  hosts = [\"down\", \"n1\", \"n2\"]\n  gpus  = 2\n"))
		if out := l.ablate(t, 0, "run", "--progress", "none"); !strings.Contains(out, "6 trials trained, 0 cached") {
			t.Errorf("the run says\n%s", out)
		}
		raw, err := os.ReadFile(filepath.Join(c.dir, "hosts"))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
		if len(lines) != 6 {
			t.Errorf("%d trials were sent, want 6:\n%s", len(lines), raw)
		}
		for _, line := range lines {
			if !strings.Contains(line, "CUDA_VISIBLE_DEVICES=0 ") && !strings.Contains(line, "CUDA_VISIBLE_DEVICES=1 ") {
				t.Errorf("not pinned to one GPU: %s", line)
			}
		}
	})

	t.Run("secrets", func(t *testing.T) {
		l := &lab{elsewhere: c, dir: t.TempDir()}
		l.write(t, "study.hcl", `
data "command" "d" {
  argv    = ["sh", "-c", "printf %s \"$PASSPHRASE\" > \"$ABLATE_OUTPUTS/said\""]
  env     = ["PASSPHRASE"]
  outputs = ["said"]
  runtime {
    executor = "main"
  }
}
`)
		l.write(t, ".ablate/config.hcl", config("  hosts = [\"n1\"]\n"))
		before := c.environ
		c.environ = append(slices.Clone(before), "PASSPHRASE=open sesame")
		defer func() { c.environ = before }()
		l.ablate(t, 0, "run", "--progress", "none")
		if out := l.ablate(t, 0, "show", "data.command.d"); !strings.Contains(out, cache.DigestOf([]byte("open sesame")).String()) {
			t.Errorf("the program lacks the variable:\n%s", out)
		}
		raw, err := os.ReadFile(filepath.Join(c.dir, "hosts"))
		if err != nil || strings.Contains(string(raw), "sesame") {
			t.Errorf("the secret is on the command line: %v\n%s", err, raw)
		}
	})

	t.Run("one process on a host", func(t *testing.T) {
		l := c.newLab(t, 1, 3, "")
		l.write(t, ".ablate/config.hcl", config("  hosts = [\"n1\"]\n"))
		l.programs(t, 4)
		if n := l.supervisors(t); n != 1 {
			t.Errorf("%d processes supervised the programs of a host, want 1", n)
		}
	})

	t.Run("no shared folder", func(t *testing.T) { apart(t, c.newLab(t, 4, 3, ""), "ssh", "  hosts = [\"n1\"]\n  gpus = 2\n") })

	for name, tt := range map[string]struct{ body, want string }{
		"no host":    {"  hosts = [\"down\"]\n  gpus  = 1\n", "Connection refused"},
		"no program": {"  hosts   = [\"n1\"]\n  gpus    = 1\n  program = \"/nowhere/ablate\"\n", "n1 has no ablate at /nowhere/ablate"},
		"no GPU":     {"  hosts = [\"n1\"]\n", "asks for 1 GPU, but executor \"main\" has gpus = 0"},
	} {
		t.Run(name, func(t *testing.T) {
			l := c.newLab(t, 1, 3, "")
			l.write(t, ".ablate/config.hcl", config(tt.body))
			if out := strings.Join(strings.Fields(l.ablate(t, 1, "run", "--progress", "none")), " "); !strings.Contains(out, tt.want) {
				t.Errorf("it says\n%s\nwant %q", out, tt.want)
			}
		})
	}

	for name, tt := range endings {
		t.Run(name, func(t *testing.T) {
			l := c.newLab(t, 1, 3000, "")
			l.write(t, ".ablate/config.hcl", config("  hosts = [\"n1\"]\n  gpus  = 1\n"))
			l.stopped(t, tt.signal, tt.code)
			l.same(t)
		})
	}
}

// endings are what asks a run to stop, and its exit codes.
var endings = map[string]struct {
	signal syscall.Signal
	code   int
}{
	"interrupted": {syscall.SIGINT, 130},
	"terminated":  {syscall.SIGTERM, 130},
	"hung up":     {syscall.SIGHUP, 129},
}

// stopped sends a signal to a run whose trial is in training on another host, and
// checks that the next run resumes the trial.
func (l *lab) stopped(t *testing.T, s syscall.Signal, code int) {
	t.Helper()
	// A program does not inherit a signal that is caught. Under nohup it would inherit
	// that HUP is ignored.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, s)
	defer signal.Stop(caught)
	run, out := l.start(t, "run", "--progress", "none")
	until(t, "a trial in training", func() bool {
		return len(l.glob("entries/*/*")) > 7 // the definitions, the data, and a state
	})
	run.Process.Signal(s)
	run.Wait()
	if got := run.ProcessState.ExitCode(); got != code {
		t.Fatalf("exit code %d, want %d:\n%s", got, code, out)
	}
	l.ablate(t, 0, "run", "--progress", "none")
	l.resumed(t, 3000)
}

// TestRealSSH runs a trial over a real sshd on this machine.
func TestRealSSH(t *testing.T) {
	const sshd = "/usr/sbin/sshd"
	if _, err := os.Stat(sshd); err != nil {
		t.Skip("there is no sshd here: apt-get install openssh-server")
	}
	for _, name := range []string{"ssh", "ssh-keygen"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("there is no %s here: apt-get install openssh-client", name)
		}
	}
	c := newElsewhere(t)
	in := func(name string) string { return filepath.Join(c.dir, name) }
	for _, key := range []string{"host", "user"} {
		c.must(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", in(key))
	}
	public, err := os.ReadFile(in("user.pub"))
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	real, _ := exec.LookPath("ssh")
	for name, text := range map[string]string{
		"authorized": string(public),
		"sshd_config": fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s\nPidFile none\nStrictModes no\nUsePAM no\n",
			port, in("host"), in("authorized")),
		"ssh_config": fmt.Sprintf("Host n1\n  HostName 127.0.0.1\n  Port %d\n  IdentityFile %s\n  IdentitiesOnly yes\n  StrictHostKeyChecking no\n  UserKnownHostsFile %s\n  LogLevel ERROR\n",
			port, in("user"), in("known")),
		"ssh": "#!/bin/sh\nexec " + real + " -F " + in("ssh_config") + " \"$@\"\n",
	} {
		if err := os.WriteFile(in(name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	os.MkdirAll("/run/sshd", 0o755) // for its privilege separation, as root
	server := c.command(sshd, "-D", "-e", "-f", in("sshd_config"))
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Process.Kill()
	for end := time.Now().Add(30 * time.Second); c.command(in("ssh"), "n1", "true").Run() != nil; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Skipf("cannot log in to sshd: %s", c.run(in("ssh"), "n1", "true"))
		}
	}
	l := c.newLab(t, 2, 3, "")
	l.write(t, ".ablate/config.hcl", "executor \"ssh\" \"main\" {\n  hosts = [\"n1\"]\n  gpus  = 2\n}\n")
	if out := l.ablate(t, 0, "run", "--progress", "none"); !strings.Contains(out, "2 trials trained, 0 cached") {
		t.Errorf("the run says\n%s", out)
	}
	t.Run("hung up", func(t *testing.T) {
		l := c.newLab(t, 1, 3000, "")
		l.write(t, ".ablate/config.hcl", "executor \"ssh\" \"main\" {\n  hosts = [\"n1\"]\n  gpus  = 1\n}\n")
		tt := endings["hung up"]
		l.stopped(t, tt.signal, tt.code)
	})
}
