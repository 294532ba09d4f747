//go:build unix

// Command command measures the overhead of a trial that is a program. It builds
// ablate, runs a study of trivial sh scripts as a whole process, and compares it
// with starting the same scripts directly, with the same number at once.
//
//	go run ./bench/command [-trials 1000] [-jobs 0]
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const script = `echo '{"step":1,"name":"val_loss","value":1}' >"$ABLATE_METRICS"`

func main() {
	log.SetFlags(0)
	trials := flag.Int("trials", 1000, "trials of the study")
	jobs := flag.Int("jobs", 0, "slots; 0 means one for each core")
	flag.Parse()
	if *jobs == 0 {
		*jobs = runtime.NumCPU()
	}
	dir, err := os.MkdirTemp("", "ablate-command-bench")
	must(err)
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "ablate")
	must(command("", nil, "go", "build", "-o", binary, "./cmd/ablate").Run())
	study := filepath.Join(dir, "study")
	must(os.Mkdir(study, 0o700))
	must(os.WriteFile(filepath.Join(study, "study.hcl"), []byte(text(*trials)), 0o600))

	bare := perTrial(*trials, *jobs, func(i int) *exec.Cmd {
		return command("", []string{"ABLATE_METRICS=" + filepath.Join(dir, strconv.Itoa(i))}, "/bin/sh", "-c", script)
	})
	start := perTrial(*trials, *jobs, func(int) *exec.Cmd { return command("", nil, binary, "version") })
	start *= float64(*jobs) / float64(*trials) // a slot's process looks after one trial after another
	disk := whole(*trials, func() *exec.Cmd { return run(binary, study, filepath.Join(dir, "store"), *jobs) })
	fmt.Printf("command trials=%d jobs=%d ms_per_trial=%.1f beyond_bare=%.1f bare=%.1f\n", *trials, *jobs, disk, disk-bare, bare)
	fmt.Printf("command share=process_start ms=%.2f (starting our program once for each slot)\n", start)
	memory := "/dev/shm"
	if _, err := os.Stat(memory); err != nil {
		fmt.Println("command share=durability skipped: there is no", memory)
		return
	}
	shm, err := os.MkdirTemp(memory, "ablate-command-bench")
	must(err)
	defer os.RemoveAll(shm)
	inMemory := whole(*trials, func() *exec.Cmd { return run(binary, study, filepath.Join(shm, "store"), *jobs) })
	fmt.Printf("command share=durability ms=%.1f (the same with the store in memory takes %.1f)\n", disk-inMemory, inMemory)
	fmt.Printf("command share=rest ms=%.1f\n", inMemory-bare-start)
}

func text(trials int) string {
	return fmt.Sprintf(`study "trivial" {}

locals {
  numbers = [for i in range(%d) : i]
}

train "command" "runs" {
  matrix {
    number = local.numbers
  }

  argv = ["/bin/sh", "-c", %q]

  parameters = {
    number = matrix.number
  }
}
`, trials, script)
}

func run(binary, study, store string, jobs int) *exec.Cmd {
	return command(study, []string{"ABLATE_CACHE_DIR=" + store}, binary, "run", "--progress", "none", "--jobs", strconv.Itoa(jobs))
}

// perTrial starts a program many times, several at once, and returns the mean
// wall time in milliseconds.
func perTrial(n, jobs int, start func(i int) *exec.Cmd) float64 {
	numbers := count(n)
	var group sync.WaitGroup
	started := time.Now()
	for range jobs {
		group.Go(func() {
			for i := range numbers {
				must(start(i).Run())
			}
		})
	}
	group.Wait()
	return time.Since(started).Seconds() * 1000 / float64(n)
}

// count returns a closed channel that holds the numbers below n.
func count(n int) <-chan int {
	c := make(chan int, n)
	for i := range n {
		c <- i
	}
	close(c)
	return c
}

func whole(n int, start func() *exec.Cmd) float64 {
	started := time.Now()
	must(start().Run())
	return time.Since(started).Seconds() * 1000 / float64(n)
}

func command(dir string, env []string, name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir, c.Env, c.Stderr = dir, append(os.Environ(), env...), os.Stderr
	return c
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
