package main

import (
	"slices"
	"time"
)

// stormFigures are of proxies that lose their connections and come back at once, without anything.
type stormFigures struct {
	Comers       int       `json:"comers"`
	BaselineMs   []float64 `json:"baseline_ms"`
	DuringMs     []float64 `json:"during_ms"`
	BeganUnixMs  int64     `json:"began_unix_ms"`
	ServedMs     float64   `json:"served_ms"`
	SteadyMB     float64   `json:"steady_mb"`
	PeakMB       float64   `json:"peak_mb"`
	ServerCPUMs  float64   `json:"server_cpu_ms"`
	ChangesAMark int       `json:"changes"`
}

const betweenChanges = 150 * time.Millisecond

// storm: `comers` beside the fleet. The changes are timed to the fleet, which stays.
func (f *fleet) storm(comers int, open func() *fleet, mark func() string, url, body string, pid int) stormFigures {
	crowd := open()
	crowd.untilFull()
	time.Sleep(2 * quiet)
	result := stormFigures{Comers: comers, SteadyMB: megabytes(pid)}
	change := func() float64 {
		_, last := f.change(url, body, mark())
		time.Sleep(betweenChanges)
		return ms(last)
	}
	for range 15 {
		result.BaselineMs = append(result.BaselineMs, change())
	}
	before := usage(pid)
	stop, peak := make(chan struct{}), make(chan float64)
	go watchPeak(pid, stop, peak)
	result.BeganUnixMs = time.Now().UnixMilli()
	crowd.lose()
	started := time.Now()
	served := make(chan time.Duration)
	go func() {
		again := open()
		again.untilServed()
		served <- time.Since(started)
	}()
	for done := false; !done; {
		result.DuringMs = append(result.DuringMs, change())
		select {
		case took := <-served:
			result.ServedMs, done = ms(took), true
		default:
		}
	}
	close(stop)
	result.PeakMB = <-peak
	result.ServerCPUMs = ms(usage(pid).cpu - before.cpu)
	result.ChangesAMark = len(result.DuringMs)
	slices.Sort(result.BaselineMs)
	slices.Sort(result.DuringMs)
	return result
}

func watchPeak(pid int, stop <-chan struct{}, peak chan<- float64) {
	highest := 0.0
	for {
		highest = max(highest, megabytes(pid))
		select {
		case <-stop:
			peak <- highest
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func megabytes(pid int) float64 { return float64(usage(pid).rss) / 1024 / 1024 }

// crowdFigures are of changes with badly behaved proxies there (b) and without them (a), in turn.
type crowdFigures struct {
	Each     int       `json:"each"`
	AloneMs  []float64 `json:"alone_ms"`
	AmongMs  []float64 `json:"among_ms"`
	BeforeMB float64   `json:"server_mb_before"`
	PeakMB   float64   `json:"server_mb_peak"`
}

const rounds = 4

func (f *fleet) among(each int, open func() *crowd, mark func() string, url, body string, pid int) crowdFigures {
	result := crowdFigures{Each: each, BeforeMB: megabytes(pid)}
	measure := func(into *[]float64) {
		for range 9 {
			_, last := f.change(url, body, mark())
			*into = append(*into, ms(last))
			time.Sleep(betweenChanges)
			result.PeakMB = max(result.PeakMB, megabytes(pid))
		}
	}
	for range rounds {
		measure(&result.AloneMs)
		bad := open()
		time.Sleep(2 * time.Second)
		measure(&result.AmongMs)
		bad.close()
		time.Sleep(time.Second)
	}
	slices.Sort(result.AloneMs)
	slices.Sort(result.AmongMs)
	return result
}
