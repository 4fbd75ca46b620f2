package main

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
)

// response is as much of a DeltaDiscoveryResponse as a proxy without a proxy needs.
type response struct {
	typeURL   string
	nonce     string
	resources []resource
	removed   []string
}

type resource struct {
	name    []byte
	version []byte
	value   []byte
}

// fields calls take with every length-delimited field, and passes over the others.
func fields(message []byte, take func(number protowire.Number, value []byte)) {
	for len(message) > 0 {
		number, kind, length := protowire.ConsumeTag(message)
		if length < 0 {
			fail("a message that is no protobuf")
		}
		message = message[length:]
		if kind == protowire.BytesType {
			value, length := protowire.ConsumeBytes(message)
			take(number, value)
			message = message[length:]
			continue
		}
		message = message[protowire.ConsumeFieldValue(number, kind, message):]
	}
}

func parseResponse(message []byte) response {
	var parsed response
	fields(message, func(number protowire.Number, value []byte) {
		switch number {
		case 2:
			parsed.resources = append(parsed.resources, parseResource(value))
		case 4:
			parsed.typeURL = string(value)
		case 5:
			parsed.nonce = string(value)
		case 6:
			parsed.removed = append(parsed.removed, string(value))
		}
	})
	return parsed
}

// parseResource reads a Resource: 1 version, 2 Any{2 value}, 3 name.
func parseResource(message []byte) resource {
	var parsed resource
	fields(message, func(number protowire.Number, value []byte) {
		switch number {
		case 1:
			parsed.version = value
		case 2:
			fields(value, func(part protowire.Number, value []byte) {
				if part == 2 {
					parsed.value = value
				}
			})
		case 3:
			parsed.name = value
		}
	})
	return parsed
}

// words remembers what clusters of a version name, so that five hundred proxies read each once.
type words struct {
	lock  sync.RWMutex
	known map[string]string
}

func newWords() *words { return &words{known: map[string]string{}} }

// endpointsOf reads a Cluster: 1 name, 3 EdsClusterConfig{2 service_name}. One that takes its endpoints elsewhere has none
// of these, and Envoy does not ask for any: "".
func (w *words) endpointsOf(r resource) string {
	key := string(r.name) + " " + string(r.version)
	w.lock.RLock()
	name, known := w.known[key]
	w.lock.RUnlock()
	if known {
		return name
	}
	fields(r.value, func(number protowire.Number, value []byte) {
		if number != 3 {
			return
		}
		name = string(r.name)
		fields(value, func(part protowire.Number, value []byte) {
			if part == 2 && len(value) > 0 {
				name = string(value)
			}
		})
	})
	w.lock.Lock()
	w.known[key] = name
	w.lock.Unlock()
	return name
}
