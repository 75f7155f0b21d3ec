package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// burst sends so many requests at once with a new client, which trusts this certificate, and closes its connections. It says how
// long it took to the end of the last response.
func burst(url string, requests int, root string) (string, error) {
	bytes, err := hex.DecodeString(root)
	if err != nil {
		return "", err
	}
	certificate, err := x509.ParseCertificate(bytes)
	if err != nil {
		return "", err
	}
	client := client()
	transport := client.Transport.(*http.Transport)
	transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
	transport.TLSClientConfig.RootCAs.AddCert(certificate)
	// Connections that nobody waited for are idle when they come.
	transport.IdleConnTimeout = 500 * time.Millisecond
	errors := make([]error, requests)
	var group sync.WaitGroup
	began := time.Now()
	for i := range errors {
		group.Add(1)
		go func(err *error) {
			defer group.Done()
			response, failed := client.Get(url)
			if failed == nil {
				_, failed = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
			*err = failed
		}(&errors[i])
	}
	group.Wait()
	took := time.Since(began)
	client.CloseIdleConnections()
	for _, err := range errors {
		if err != nil {
			return "", err
		}
	}
	return fmt.Sprint(took.Nanoseconds()), nil
}

// spent says how much of the processor this process has had.
func spent() (string, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return "", err
	}
	return fmt.Sprint(usage.Utime.Nano() + usage.Stime.Nano()), nil
}
