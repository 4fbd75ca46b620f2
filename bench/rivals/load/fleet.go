package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	clusters  = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	endpoints = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
	method    = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
)

type fleet struct {
	proxies []*proxy
	started time.Time
	words   *words
	mark    atomic.Pointer[expectation]
	// Each proxy takes the endpoints of one share of the services.
	shares    int
	churning  atomic.Pointer[churning]
	responses atomic.Int64
	closed    atomic.Bool
}

// expectation is a mark that every proxy is to see once.
type expectation struct {
	bytes []byte
	left  atomic.Int64
	first atomic.Int64
	done  chan time.Time
}

// proxy is one stream. Its maps belong to the goroutine that reads it.
type proxy struct {
	connection *grpc.ClientConn
	fleet      *fleet
	number     int
	stream     grpc.ClientStream
	wanted     map[string]bool
	held       int
	clusters   atomic.Int64
	lacks      atomic.Int64
	received   atomic.Int64
	last       atomic.Int64
	marked     *expectation
	line       line
}

// line is the proxy's TCP connection, which it can lose.
type line struct {
	lock sync.Mutex
	conn net.Conn
	lost bool
}

func (l *line) dial(ctx context.Context, addr string) (net.Conn, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.lost {
		return nil, errors.New("its connection is lost")
	}
	var err error
	l.conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	return l.conn, err
}

func (l *line) lose() {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.lost = true
	_ = l.conn.Close()
}

// raw passes messages as bytes: what a proxy does with a configuration is not measured here.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error)      { return proto.Marshal(v.(proto.Message)) }
func (raw) Unmarshal(data []byte, v any) error { *v.(*[]byte) = bytes.Clone(data); return nil }
func (raw) Name() string                       { return "proto" }

// namespaces above 0: the proxies are of so many, in turn.
func newFleet(addr string, n int, meta string, namespaces, shares int) *fleet {
	metadata := &structpb.Struct{}
	if err := json.Unmarshal([]byte(meta), metadata); err != nil {
		fail("-meta: %v", err)
	}
	f := &fleet{started: time.Now(), words: newWords(), shares: shares}
	var opening sync.WaitGroup
	f.proxies = make([]*proxy, n)
	for i := range n {
		opening.Add(1)
		go func() {
			defer opening.Done()
			node := &core.Node{Id: fmt.Sprintf("proxy-%d", i), Metadata: metadata}
			if namespaces > 0 {
				own, _ := structpb.NewStruct(map[string]any{"NAMESPACE": fmt.Sprintf("ns-%d", i%namespaces)})
				node.Metadata = own
			}
			f.proxies[i] = f.open(addr, i, node)
		}()
	}
	opening.Wait()
	return f
}

func opener(addr string, n int, meta string, namespaces, shares int) func() *fleet {
	return func() *fleet { return newFleet(addr, n, meta, namespaces, shares) }
}

func (f *fleet) open(addr string, number int, node *core.Node) *proxy {
	p := &proxy{fleet: f, number: number, wanted: map[string]bool{}}
	connection, err := grpc.NewClient("passthrough:///"+addr,
		grpc.WithContextDialer(p.line.dial),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{}), grpc.MaxCallRecvMsgSize(64<<20)),
		grpc.WithInitialWindowSize(4<<20), grpc.WithInitialConnWindowSize(4<<20))
	if err != nil {
		fail("%v", err)
	}
	description := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	stream, err := connection.NewStream(context.Background(), description, method)
	if err != nil {
		fail("%v", err)
	}
	p.connection, p.stream = connection, stream
	p.lacks.Store(1)
	p.send(&discovery.DeltaDiscoveryRequest{Node: node, TypeUrl: clusters})
	go p.read()
	return p
}

// lose ends the connections as a network does: nobody says goodbye.
func (f *fleet) lose() {
	f.closed.Store(true)
	for _, p := range f.proxies {
		p.line.lose()
	}
	f.close()
}

func (f *fleet) close() {
	f.closed.Store(true)
	for _, p := range f.proxies {
		_ = p.connection.Close()
	}
}

func (p *proxy) send(request *discovery.DeltaDiscoveryRequest) {
	if err := p.stream.SendMsg(request); err != nil && !p.fleet.closed.Load() {
		fail("send: %v", err)
	}
}

func (p *proxy) read() {
	for {
		var message []byte
		if err := p.stream.RecvMsg(&message); err != nil {
			if p.fleet.closed.Load() {
				return
			}
			fail("receive: %v", err)
		}
		p.received.Add(int64(len(message)))
		p.take(message)
	}
}

func (p *proxy) take(message []byte) {
	response := parseResponse(message)
	p.send(&discovery.DeltaDiscoveryRequest{TypeUrl: response.typeURL, ResponseNonce: response.nonce})
	switch response.typeURL {
	case clusters:
		p.takeClusters(response)
	case endpoints:
		for _, resource := range response.resources {
			p.answered(string(resource.name))
		}
		for _, name := range response.removed {
			p.answered(name)
		}
		p.lacks.Store(int64(len(p.wanted) - p.held))
	}
	p.last.Store(time.Now().UnixNano())
	p.fleet.responses.Add(1)
	if churning := p.fleet.churning.Load(); churning != nil {
		churning.take(message)
	}
	p.look(message)
}

func (p *proxy) answered(name string) {
	if asked, known := p.wanted[name]; known && asked {
		p.wanted[name] = false
		p.held++
	}
}

func (p *proxy) takeClusters(response response) {
	var names []string
	for _, resource := range response.resources {
		name := p.fleet.words.endpointsOf(resource)
		if _, known := p.wanted[name]; known || name == "" {
			continue
		}
		if service := serviceOf(name); p.fleet.shares > 1 && service >= 0 && service%p.fleet.shares != p.number%p.fleet.shares {
			continue
		}
		p.wanted[name] = true
		names = append(names, name)
	}
	p.clusters.Store(int64(len(p.wanted)))
	p.lacks.Store(int64(len(p.wanted) - p.held))
	if len(names) > 0 {
		p.send(&discovery.DeltaDiscoveryRequest{TypeUrl: endpoints, ResourceNamesSubscribe: names})
	}
}

// look counts this proxy once for each mark.
func (p *proxy) look(message []byte) {
	expected := p.fleet.mark.Load()
	if expected == nil || p.marked == expected || !bytes.Contains(message, expected.bytes) {
		return
	}
	p.marked = expected
	expected.first.CompareAndSwap(0, time.Now().UnixNano())
	if expected.left.Add(-1) == 0 {
		expected.done <- time.Now()
	}
}

func (f *fleet) expect(mark string) {
	next := &expectation{bytes: []byte(mark), done: make(chan time.Time, 1)}
	next.left.Store(int64(len(f.proxies)))
	f.mark.Store(next)
}

func (f *fleet) untilMarked() time.Time {
	expected := f.mark.Load()
	select {
	case at := <-expected.done:
		return at
	case <-time.After(patience):
		fail("%d proxies do not hold %s", expected.left.Load(), expected.bytes)
		return time.Time{}
	}
}

// untilFull waits until every proxy holds what its clusters name, and nothing more comes.
func (f *fleet) untilFull() {
	for deadline := time.Now().Add(patience); f.lacking(deadline) > 0 || time.Since(f.lastAt()) <= quiet; {
		time.Sleep(10 * time.Millisecond)
	}
}

// untilServed waits until every proxy holds what its clusters name; changes may go on.
func (f *fleet) untilServed() {
	for deadline := time.Now().Add(patience); f.lacking(deadline) > 0; {
		time.Sleep(10 * time.Millisecond)
	}
}

func (f *fleet) lacking(deadline time.Time) int {
	lacking := 0
	for _, p := range f.proxies {
		if p.lacks.Load() > 0 {
			lacking++
		}
	}
	if time.Now().After(deadline) {
		fail("%d proxies did not get the whole configuration", lacking)
	}
	return lacking
}

func (f *fleet) lastAt() time.Time {
	var last int64
	for _, p := range f.proxies {
		last = max(last, p.last.Load())
	}
	return time.Unix(0, last)
}

func (f *fleet) bytes() int64 {
	var sum int64
	for _, p := range f.proxies {
		sum += p.received.Load()
	}
	return sum
}

func (p *proxy) clusterCount() int { return int(p.clusters.Load()) }
