package main

import (
	"context"
	"fmt"
	"sync"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"
)

// crowd is proxies that behave badly: `silent` never read, `refusing` refuse every response, `mute` answer none.
type crowd struct {
	leave       context.CancelFunc
	connections []*grpc.ClientConn
}

var manners = []string{"silent", "refusing", "mute"}

func openCrowd(addr string, each int, metadata *structpb.Struct) *crowd {
	ctx, leave := context.WithCancel(context.Background())
	c := &crowd{leave: leave}
	var opening sync.WaitGroup
	var lock sync.Mutex
	for _, manner := range manners {
		for i := range each {
			opening.Add(1)
			go func() {
				defer opening.Done()
				connection := misbehave(ctx, addr, manner, &core.Node{Id: fmt.Sprintf("%s-%d", manner, i), Metadata: metadata})
				lock.Lock()
				c.connections = append(c.connections, connection)
				lock.Unlock()
			}()
		}
	}
	opening.Wait()
	return c
}

func (c *crowd) close() {
	c.leave()
	for _, connection := range c.connections {
		_ = connection.Close()
	}
}

func misbehave(ctx context.Context, addr, manner string, node *core.Node) *grpc.ClientConn {
	connection, err := grpc.NewClient(addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{}), grpc.MaxCallRecvMsgSize(64<<20)),
		// The least: what is not read stays with the server.
		grpc.WithInitialWindowSize(65_536), grpc.WithInitialConnWindowSize(65_536))
	if err != nil {
		fail("%v", err)
	}
	stream, err := connection.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
	if err != nil {
		fail("%v", err)
	}
	for _, typeURL := range []string{clusters, endpoints} {
		request := &discovery.DeltaDiscoveryRequest{Node: node, TypeUrl: typeURL}
		if typeURL == endpoints {
			request.ResourceNamesSubscribe = []string{"outbound|80||svc-0.default.svc.cluster.local"}
		}
		if err := stream.SendMsg(request); err != nil {
			fail("send: %v", err)
		}
	}
	if manner != "silent" {
		go answer(stream, manner)
	}
	return connection
}

func answer(stream grpc.ClientStream, manner string) {
	for {
		var message []byte
		if err := stream.RecvMsg(&message); err != nil {
			return
		}
		if manner == "mute" {
			continue
		}
		response := parseResponse(message)
		refusal := &discovery.DeltaDiscoveryRequest{
			TypeUrl: response.typeURL, ResponseNonce: response.nonce,
			ErrorDetail: &status.Status{Code: 13, Message: "refused, whatever it is"},
		}
		if stream.SendMsg(refusal) != nil {
			return
		}
	}
}
