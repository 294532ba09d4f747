package fsys

import (
	"syscall"
	"time"
)

func changeTime(st *syscall.Stat_t) time.Time { return timeOf(int64(st.Ctim.Sec), int64(st.Ctim.Nsec)) }
