package train

// background does one job at a time beside the steps of a trial. A job touches
// nothing that the trial does; what is made of its result is done by the trial's
// own goroutine, when it settles the job.
type background struct {
	ended chan func() error // gets what settles the job under way; nil for no job
}

// start begins a job. The one before must be settled: what was started by then
// may have turned out not to count.
func (b *background) start(job func() (settle func() error, err error)) {
	if b.ended != nil {
		panic("train: a job is started beside another")
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

// settle waits for the job, if there is one, and says what came of it.
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
