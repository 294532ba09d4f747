package fsys

import (
	"syscall"
	"time"
)

func changeTime(st *syscall.Stat_t) time.Time { return timeOf(st.Ctimespec.Sec, st.Ctimespec.Nsec) }
