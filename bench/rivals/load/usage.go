package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// used is what a process has taken: user and system time, and its resident set.
type used struct {
	cpu time.Duration
	rss int64
}

const pageBytes = 4096

// usage reads /proc/PID; zero without a process. The CPU is that of its threads that live, to the nanosecond: one change
// takes less than a tick of what /proc/PID/stat counts in.
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
	return used{cpu: threads(pid), rss: field(24) * pageBytes}
}

func threads(pid int) time.Duration {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	var sum int64
	for _, file := range files {
		// A thread may have ended meanwhile.
		text, _ := os.ReadFile(file)
		if words := strings.Fields(string(text)); len(words) > 0 {
			ran, _ := strconv.ParseInt(words[0], 10, 64)
			sum += ran
		}
	}
	return time.Duration(sum)
}
