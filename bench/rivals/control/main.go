// Command control is go-control-plane's own server with its snapshot cache, one snapshot for all proxies: what a control
// plane written with the field's library does. It serves services with endpoints, and changes one on request. Where it
// listens it prints: {"xds":"127.0.0.1:PORT","http":"127.0.0.1:PORT"}.
//
//	control -services 1000 -endpoints 10
//	GET /set?ip=10.200.0.2
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resources "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
)

// everybody has one snapshot.
type everybody struct{}

func (everybody) ID(*core.Node) string { return "all" }

type mesh struct {
	services, endpoints int
	version             int
	cache               cache.SnapshotCache
	clusters            []types.Resource
	assignments         []types.Resource
}

func main() {
	services := flag.Int("services", 1000, "")
	endpoints := flag.Int("endpoints", 10, "of each service")
	flag.Parse()
	m := &mesh{services: *services, endpoints: *endpoints, cache: cache.NewSnapshotCache(true, everybody{}, nil)}
	for i := range m.services {
		m.clusters = append(m.clusters, m.cluster(i))
		m.assignments = append(m.assignments, m.assignment(i, ""))
	}
	m.publish()

	grpcServer := grpc.NewServer(grpc.MaxConcurrentStreams(100))
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, server.NewServer(context.Background(), m.cache, nil))
	xds, control := listen(), listen()
	go func() { log.Fatal(grpcServer.Serve(xds)) }()
	http.HandleFunc("/set", func(w http.ResponseWriter, r *http.Request) {
		m.assignments[0] = m.assignment(0, r.URL.Query().Get("ip"))
		m.publish()
		fmt.Fprintln(w, m.version)
	})
	fmt.Printf("{\"xds\":%q,\"http\":%q}\n", xds.Addr().String(), control.Addr().String())
	log.Fatal(http.Serve(control, nil))
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

func name(service int) string {
	return fmt.Sprintf("outbound|80||svc-%d.default.svc.cluster.local", service)
}

// cluster is bare: no TLS context, no outlier detection.
func (m *mesh) cluster(service int) *cluster.Cluster {
	return &cluster.Cluster{
		Name:                 name(service),
		ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_EDS},
		ConnectTimeout:       durationpb.New(time.Second),
		EdsClusterConfig: &cluster.Cluster_EdsClusterConfig{EdsConfig: &core.ConfigSource{
			ResourceApiVersion:    core.ApiVersion_V3,
			ConfigSourceSpecifier: &core.ConfigSource_Ads{Ads: &core.AggregatedConfigSource{}},
		}},
	}
}

func (m *mesh) assignment(service int, first string) *endpoint.ClusterLoadAssignment {
	all := make([]*endpoint.LbEndpoint, m.endpoints)
	for i := range all {
		address := fmt.Sprintf("10.%d.%d.%d", service>>8+1, service&255, i+1)
		if i == 0 && first != "" {
			address = first
		}
		all[i] = &endpoint.LbEndpoint{HostIdentifier: &endpoint.LbEndpoint_Endpoint{Endpoint: &endpoint.Endpoint{
			Address: &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
				Address:       address,
				PortSpecifier: &core.SocketAddress_PortValue{PortValue: 8080},
			}}},
		}}}
	}
	return &endpoint.ClusterLoadAssignment{
		ClusterName: name(service),
		Endpoints:   []*endpoint.LocalityLbEndpoints{{LbEndpoints: all}},
	}
}

func (m *mesh) publish() {
	m.version++
	snapshot, err := cache.NewSnapshot(fmt.Sprint(m.version), map[resources.Type][]types.Resource{
		resources.ClusterType:  m.clusters,
		resources.EndpointType: m.assignments,
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := m.cache.SetSnapshot(context.Background(), "all", snapshot); err != nil {
		log.Fatal(err)
	}
}
