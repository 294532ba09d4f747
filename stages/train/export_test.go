package train

// Tests stop a trial at a step that it reports, so it reports them all.
func init() { progressEvery = 0 }
