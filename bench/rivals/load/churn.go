package main

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// churning is many changes at once: each has its own mark, and is over when every proxy that sees its service holds it.
type churning struct {
	open  sync.Map // mark → *change
	done  sync.WaitGroup
	lock  sync.Mutex
	tooks []float64
	lates []float64
	lost  atomic.Int64
}

// change is timed from its call. late is how long after its time in the plan that was, in ms: this program's own
// lateness, which is told apart.
type change struct {
	started time.Time
	late    float64
	left    atomic.Int64
}

// churnFigures are of one rate.
type churnFigures struct {
	Rate       float64 `json:"rate"`
	Changes    int     `json:"changes"`
	Lost       int64   `json:"lost"`
	MedianMs   float64 `json:"median_ms"`
	P99Ms      float64 `json:"p99_ms"`
	WorstMs    float64 `json:"worst_ms"`
	LateP99Ms  float64 `json:"late_p99_ms"`
	Cores      float64 `json:"cores"`
	Responses  int64   `json:"responses"`
	ServerMB   float64 `json:"server_mb_before"`
	ServerMBTo float64 `json:"server_mb_after"`
}

const markPrefix = "10.2"

// take looks for marks in the bytes of one response.
func (c *churning) take(message []byte) {
	for at := bytes.Index(message, []byte(markPrefix)); at >= 0; {
		end := at
		for end < len(message) && (message[end] == '.' || message[end] >= '0' && message[end] <= '9') {
			end++
		}
		if found, known := c.open.Load(string(message[at:end])); known {
			c.seen(string(message[at:end]), found.(*change))
		}
		next := bytes.Index(message[end:], []byte(markPrefix))
		if next < 0 {
			return
		}
		at = end + next
	}
}

func (c *churning) seen(mark string, of *change) {
	if of.left.Add(-1) != 0 {
		return
	}
	took := ms(time.Since(of.started))
	if _, open := c.open.LoadAndDelete(mark); open {
		c.lock.Lock()
		c.tooks, c.lates = append(c.tooks, took), append(c.lates, of.late)
		c.lock.Unlock()
		c.done.Done()
	}
}

// plan says "5:20,100:30": five changes a second for 20 s, then a hundred for 30 s.
func (f *fleet) churn(plan, url, body string, services, pid int) []churnFigures {
	var figures []churnFigures
	number := 0
	for _, part := range strings.Split(plan, ",") {
		rate, seconds, found := strings.Cut(part, ":")
		perSecond, err1 := strconv.ParseFloat(rate, 64)
		lasts, err2 := strconv.ParseFloat(seconds, 64)
		if !found || err1 != nil || err2 != nil {
			fail("-churn: RATE:SECONDS,…, not %q", plan)
		}
		figures = append(figures, f.churnAt(perSecond, int(perSecond*lasts), &number, url, body, services, pid))
	}
	return figures
}

func (f *fleet) churnAt(perSecond float64, count int, number *int, url, body string, services, pid int) churnFigures {
	c := &churning{}
	f.churning.Store(c)
	before, responses, start := usage(pid), f.responses.Load(), time.Now()
	var calls sync.WaitGroup
	for i := range count {
		*number++
		service, n := *number%services, *number
		at := start.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
		time.Sleep(time.Until(at))
		mark := fmt.Sprintf("10.%d.%d.%d", 200+n/62500%50, n/250%250, 1+n%250)
		of := &change{}
		of.left.Store(f.seeing(service))
		c.open.Store(mark, of)
		c.done.Add(1)
		calls.Add(1)
		go func() {
			defer calls.Done()
			words := strings.NewReplacer("MARK", mark, "SERVICE", strconv.Itoa(service), "NET", fmt.Sprintf("%d.%d", service>>8+1, service&255))
			to, set := words.Replace(url), words.Replace(body)
			of.started = time.Now()
			of.late = ms(of.started.Sub(at))
			if err := call(to, set); err != nil {
				fail("change: %v", err)
			}
		}()
	}
	calls.Wait()
	took := time.Since(start)
	after := usage(pid)
	all := make(chan struct{})
	go func() { c.done.Wait(); close(all) }()
	select {
	case <-all:
	case <-time.After(10 * time.Second):
		c.open.Range(func(any, any) bool { c.lost.Add(1); return true })
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	slices.Sort(c.tooks)
	slices.Sort(c.lates)
	return churnFigures{
		Rate: float64(count) / took.Seconds(), Changes: count, Lost: c.lost.Load(),
		MedianMs: quantile(c.tooks, 0.5), P99Ms: quantile(c.tooks, 0.99), WorstMs: quantile(c.tooks, 1),
		LateP99Ms: quantile(c.lates, 0.99),
		Cores:     (after.cpu - before.cpu).Seconds() / took.Seconds(),
		Responses: f.responses.Load() - responses,
		ServerMB:  float64(before.rss) / 1024 / 1024, ServerMBTo: float64(usage(pid).rss) / 1024 / 1024,
	}
}

// seeing counts the proxies that take a service.
func (f *fleet) seeing(service int) int64 {
	var count int64
	for i := range f.proxies {
		if i%f.shares == service%f.shares {
			count++
		}
	}
	return count
}

// serviceOf is the number in "outbound|80||svc-17.default.svc.cluster.local"; -1 of another name.
func serviceOf(cluster string) int {
	_, rest, _ := strings.Cut(cluster, "||svc-")
	digits, _, _ := strings.Cut(rest, ".")
	number, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return number
}

// quantile is by nearest rank.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return -1
	}
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}
