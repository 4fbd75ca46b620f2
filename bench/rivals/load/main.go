// Command load is a fleet of proxies without proxies: delta ADS streams that take every cluster and the endpoints they
// name, acknowledge everything, and say when they hold what. It times a server's full configuration, changes of one
// endpoint, and the server's own CPU and memory, and prints one JSON object.
//
//	load -addr HOST:PORT -n 500 -pid PID -changes 9 -url URL [-body JSON]
//
// A change is a request to URL, a PUT of JSON when there is one; MARK in either is replaced by an address that no
// endpoint had before. A proxy holds the change when that address stands in the bytes it was sent.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
)

type figures struct {
	Proxies       int            `json:"proxies"`
	FullMs        float64        `json:"full_ms"`
	FullCPUMs     float64        `json:"full_cpu_ms"`
	FullBytes     int64          `json:"full_bytes_per_proxy"`
	Clusters      int            `json:"clusters"`
	ChangeFirstMs []float64      `json:"change_first_ms"`
	ChangeLastMs  []float64      `json:"change_last_ms"`
	ChangeCPUMs   []float64      `json:"change_cpu_ms"`
	ChangeBytes   int64          `json:"change_bytes_per_proxy"`
	ProxyKB       float64        `json:"memory_kb_per_proxy"`
	ServerMB      float64        `json:"server_mb"`
	Storm         *stormFigures  `json:"storm,omitempty"`
	Crowd         *crowdFigures  `json:"crowd,omitempty"`
	Churn         []churnFigures `json:"churn,omitempty"`
}

const (
	patience  = 120 * time.Second
	quiet     = 400 * time.Millisecond
	markBytes = "10.20%d.%d.%d"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:18000", "where the server listens, plaintext")
	n := flag.Int("n", 500, "proxies")
	pid := flag.Int("pid", 0, "the server's process, for its CPU and memory")
	changes := flag.Int("changes", 9, "changes of one endpoint")
	url := flag.String("url", "", "what makes a change; MARK is replaced")
	body := flag.String("body", "", "PUT to the URL; MARK is replaced")
	namespaces := flag.Int("namespaces", 0, "proxies are of so many namespaces, in turn; 0: of -meta's")
	shares := flag.Int("shares", 1, "each proxy takes the endpoints of one in so many services")
	churn := flag.String("churn", "", "RATE:SECONDS,…: changes a second, of one service after the other; SERVICE and NET in -url and -body are replaced")
	comers := flag.Int("storm", 0, "so many more proxies lose their connections and come back at once")
	badly := flag.Int("badly", 0, "so many each that never read, refuse everything, answer nothing, come and go")
	services := flag.Int("services", 1000, "services that -churn changes")
	meta := flag.String("meta", `{"NAMESPACE":"default"}`, "node metadata")
	flag.Parse()

	open := opener(*addr, *n, *meta, *namespaces, *shares)
	before := usage(*pid)
	fleet, took, cpu := filled(open, *pid)
	after := usage(*pid)
	result := figures{
		Proxies:   *n,
		FullMs:    took,
		FullCPUMs: cpu,
		FullBytes: fleet.bytes() / int64(*n),
		Clusters:  fleet.proxies[0].clusterCount(),
		ProxyKB:   float64(after.rss-before.rss) / float64(*n) / 1024,
		ServerMB:  float64(after.rss) / 1024 / 1024,
	}
	sent := fleet.bytes()
	for i := range *changes {
		mark := fmt.Sprintf(markBytes, i/200, i%200, 1+int(time.Now().UnixNano()/1000)%250)
		start := usage(*pid)
		first, last := fleet.change(*url, *body, mark)
		result.ChangeFirstMs = append(result.ChangeFirstMs, ms(first))
		result.ChangeLastMs = append(result.ChangeLastMs, ms(last))
		time.Sleep(quiet)
		result.ChangeCPUMs = append(result.ChangeCPUMs, ms(usage(*pid).cpu-start.cpu))
	}
	if *changes > 0 {
		result.ChangeBytes = (fleet.bytes() - sent) / int64(*n) / int64(*changes)
	}
	marks := 0
	mark := func() string {
		marks++
		return fmt.Sprintf("10.23%d.%d.%d", marks/40000, marks/200%200, 1+marks%200)
	}
	if *comers > 0 {
		figures := fleet.storm(*comers, opener(*addr, *comers, *meta, *namespaces, *shares), mark, *url, *body, *pid)
		result.Storm = &figures
	}
	if *badly > 0 {
		metadata := &structpb.Struct{}
		_ = json.Unmarshal([]byte(*meta), metadata)
		open := func() *crowd { return openCrowd(*addr, *badly, metadata) }
		figures := fleet.among(*badly, open, mark, *url, *body, *pid)
		result.Crowd = &figures
	}
	if *churn != "" {
		result.Churn = fleet.churn(*churn, *url, *body, *services, *pid)
	}
	_ = json.NewEncoder(os.Stdout).Encode(result)
}

// filled opens a fleet and waits until it holds everything; how long that took, and the server's CPU for it, in ms.
func filled(open func() *fleet, pid int) (*fleet, float64, float64) {
	before := usage(pid)
	fleet := open()
	fleet.untilFull()
	time.Sleep(quiet)
	return fleet, ms(fleet.lastAt().Sub(fleet.started)), ms(usage(pid).cpu - before.cpu)
}

// change makes one, and waits until the last proxy holds it; after how long the first did, and the last.
func (f *fleet) change(url, body, mark string) (first, last time.Duration) {
	f.expect(mark)
	start := time.Now()
	if err := call(strings.ReplaceAll(url, "MARK", mark), strings.ReplaceAll(body, "MARK", mark)); err != nil {
		fail("change: %v", err)
	}
	at := f.untilMarked()
	return time.Unix(0, f.mark.Load().first.Load()).Sub(start), at.Sub(start)
}

func call(url, body string) error {
	method, reader := http.MethodGet, io.Reader(nil)
	if body != "" {
		method, reader = http.MethodPut, bytes.NewBufferString(body)
	}
	request, err := http.NewRequest(method, url, reader)
	if err != nil {
		return err
	}
	request.Header.Set("content-type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", response.Status, text)
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "load: "+format+"\n", args...)
	os.Exit(1)
}
