package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// used is what a process has taken: user and system time, and its resident set.
type used struct {
	cpu time.Duration
	rss int64
}

const (
	ticksPerSecond = 100
	pageBytes      = 4096
)

// usage reads /proc/PID/stat; zero without a process.
func usage(pid int) used {
	if pid == 0 {
		return used{}
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		fail("-pid: %v", err)
	}
	// What stands before the last parenthesis may hold spaces.
	rest := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	field := func(number int) int64 {
		value, _ := strconv.ParseInt(rest[number-3], 10, 64)
		return value
	}
	ticks := field(14) + field(15)
	return used{cpu: time.Duration(ticks) * time.Second / ticksPerSecond, rss: field(24) * pageBytes}
}
