package train

import (
	"errors"
	"testing"
)

func TestBackground(t *testing.T) {
	var b background
	if err := b.settle(); err != nil || b.busy() {
		t.Errorf("without a job, settle() = %v, busy() = %v", err, b.busy())
	}
	failed := errors.New("failed")
	for _, tt := range []struct {
		name              string
		job, settle, want error
	}{{"well", nil, nil, nil}, {"the job fails", failed, errors.New("not reached"), failed}, {"what is made of it fails", nil, failed, failed}} {
		t.Run(tt.name, func(t *testing.T) {
			finish, settled := make(chan struct{}), false
			b.start(func() (func() error, error) {
				<-finish
				return func() error { settled = true; return tt.settle }, tt.job
			})
			if !b.busy() || settled {
				t.Error("the job is not under way")
			}
			func() {
				defer func() {
					if recover() == nil {
						t.Error("a second job is started beside it")
					}
				}()
				b.start(nil)
			}()
			close(finish)
			if err := b.settle(); !errors.Is(err, tt.want) {
				t.Errorf("settle() = %v, want %v", err, tt.want)
			}
			if settled != (tt.job == nil) || b.busy() {
				t.Errorf("settled = %v, busy() = %v", settled, b.busy())
			}
			if err := b.settle(); err != nil {
				t.Errorf("a second settle() = %v", err)
			}
		})
	}
}
