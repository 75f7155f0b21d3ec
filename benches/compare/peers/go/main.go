// What Go's net.Dialer and net/http do, for the benchmark `compare`: a line of commands in, a line of results out, so that the
// benchmark can take turns with other peers. Times are measured in here.
//
//	connect DELAY_MS PORT ADDRESS,ADDRESS...  ->  ok NANOSECONDS
//	get URL REQUESTS TASKS                    ->  ok NANOSECONDS ERRORS
//	post URL BYTES UPLOADS                    ->  ok DELIVERED ERRORS
//	hangup URL REQUESTS                       ->  ok NANOSECONDS...
//	burst URL REQUESTS CERTIFICATE            ->  ok NANOSECONDS
//	spent                                     ->  ok NANOSECONDS
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		answer, err := run(strings.Fields(lines.Text()))
		if err != nil {
			fmt.Println("error", strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		fmt.Println("ok", answer)
	}
}

func run(words []string) (string, error) {
	if len(words) == 1 && words[0] == "spent" {
		return spent()
	}
	if len(words) < 3 {
		return "", fmt.Errorf("not a command: %q", words)
	}
	switch words[0] {
	case "connect":
		return connect(number(words[1]), words[2], strings.Split(words[3], ","))
	case "get":
		return get(words[1], number(words[2]), number(words[3]))
	case "post":
		return post(words[1], number(words[2]), number(words[3]))
	case "hangup":
		return hangUp(words[1], number(words[2]))
	case "burst":
		return burst(words[1], number(words[2]), words[3])
	}
	return "", fmt.Errorf("not a command: %q", words)
}

func number(word string) int {
	value, err := strconv.Atoi(word)
	if err != nil {
		panic(err)
	}
	return value
}

// client is net/http with its defaults, but for the proxy, and for a limit that keeps a hang from being for ever.
func client() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	// The default of 2 is for browsers' manners. The others have no limit.
	transport.MaxIdleConnsPerHost = 1000
	transport.MaxIdleConns = 0
	return &http.Client{Transport: transport, Timeout: 5 * time.Second}
}

// One for all commands, so that connections are kept from one to the next.
var getter = client()

func get(url string, requests, tasks int) (string, error) {
	var errors int64
	var group sync.WaitGroup
	began := time.Now()
	for task := 0; task < tasks; task++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := 0; i < requests; i++ {
				response, err := getter.Get(url)
				if err == nil {
					_, err = io.Copy(io.Discard, response.Body)
					response.Body.Close()
				}
				if err != nil {
					atomic.AddInt64(&errors, 1)
				}
			}
		}()
	}
	group.Wait()
	return fmt.Sprint(time.Since(began).Nanoseconds(), errors), nil
}

func post(url string, size, uploads int) (string, error) {
	client := client()
	body := make([]byte, size)
	delivered, errors := 0, 0
	for i := 0; i < uploads; i++ {
		response, err := client.Post(url, "application/octet-stream", bytes.NewReader(body))
		if err != nil {
			errors++
			continue
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode == http.StatusRequestEntityTooLarge {
			delivered++
		} else {
			errors++
		}
	}
	return fmt.Sprint(delivered, errors), nil
}

// hangUp times the second request of each connection, which the server reads, and hangs up.
func hangUp(url string, requests int) (string, error) {
	client := client()
	var times []string
	for len(times) < requests {
		response, err := client.Post(url, "text/plain", strings.NewReader("an order"))
		if err != nil {
			return "", err
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		began := time.Now()
		response, err = client.Post(url, "text/plain", strings.NewReader("an order"))
		if err == nil {
			response.Body.Close()
			return "", fmt.Errorf("an answer from a server that hangs up")
		}
		times = append(times, strconv.FormatInt(time.Since(began).Nanoseconds(), 10))
	}
	return strings.Join(times, " "), nil
}
