package train

// background runs one job at a time while the trial computes steps. A job shares no
// data with the trial. The trial's own goroutine uses its result, in settle.
type background struct {
	ended chan func() error // receives the function that settles the job; nil without a job
}

// start begins a job. The previous one must be settled, since its error may make
// this job pointless.
func (b *background) start(job func() (settle func() error, err error)) {
	if b.ended != nil {
		panic("train: a job is started before the previous one is settled")
	}
	ended := make(chan func() error, 1)
	b.ended = ended
	go func() {
		settle, err := job()
		if err != nil {
			settle = func() error { return err }
		}
		ended <- settle
	}()
}

// settle waits for the job, if there is one, and returns its error.
func (b *background) settle() error {
	if b.ended == nil {
		return nil
	}
	settle := <-b.ended
	b.ended = nil
	return settle()
}

// busy reports whether a job is running.
func (b *background) busy() bool { return b.ended != nil && len(b.ended) == 0 }
