package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"time"
)

// connect dials a name whose addresses are these, with a resolver of its own, and says how long it took from the end of the
// look-up.
func connect(delay int, port string, addresses []string) (string, error) {
	dialer := net.Dialer{
		FallbackDelay: time.Duration(delay) * time.Millisecond,
		Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go answer(theirs, addresses)
			return ours, nil
		}},
	}
	began := time.Now()
	trace := &httptrace.ClientTrace{DNSDone: func(httptrace.DNSDoneInfo) { began = time.Now() }}
	connection, err := dialer.DialContext(httptrace.WithClientTrace(context.Background(), trace), "tcp", "peer.example.:"+port)
	if err != nil {
		return "", err
	}
	took := time.Since(began)
	// No port stays in TIME_WAIT.
	connection.(*net.TCPConn).SetLinger(0)
	connection.Close()
	return fmt.Sprint(took.Nanoseconds()), nil
}

// answer is a name server for one query: every name has these addresses.
func answer(connection net.Conn, addresses []string) {
	defer connection.Close()
	var length [2]byte
	if _, err := io.ReadFull(connection, length[:]); err != nil {
		return
	}
	query := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(connection, query); err != nil {
		return
	}
	// The question: after the header, labels until an empty one, then type and class.
	end := 12
	for query[end] != 0 {
		end += 1 + int(query[end])
	}
	kind := binary.BigEndian.Uint16(query[end+1:])
	reply := append([]byte{0, 0}, query[:end+5]...)
	count := uint16(0)
	for _, text := range addresses {
		address := net.ParseIP(text)
		bytes, kindOf := []byte(address.To4()), uint16(1)
		if bytes == nil {
			bytes, kindOf = address.To16(), 28
		}
		if kindOf != kind {
			continue
		}
		count++
		reply = append(reply, 0xc0, 12, 0, byte(kindOf), 0, 1, 0, 0, 0, 60, 0, byte(len(bytes)))
		reply = append(reply, bytes...)
	}
	header := reply[2:]
	binary.BigEndian.PutUint16(header[2:], 0x8180)
	binary.BigEndian.PutUint16(header[4:], 1)
	binary.BigEndian.PutUint16(header[6:], count)
	binary.BigEndian.PutUint32(header[8:], 0)
	binary.BigEndian.PutUint16(reply, uint16(len(header)))
	connection.Write(reply)
}
