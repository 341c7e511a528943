//go:build !linux

package router

import "time"

func preferThread() {}

func threadID() int { return 0 }

func threadTime(int) time.Duration { return 0 }
