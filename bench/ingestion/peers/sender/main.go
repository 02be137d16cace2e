// sender loads an HTTP server: as fast as its connections go (closed), or at a fixed rate, whatever becomes of the
// requests before (open).
//
// In, as JSON on stdin: a plan. Out, as JSON on stdout: what was answered, and how long it took. In an open loop a wait
// counts from the instant at which a request was due, so that a server that stands still is charged for all that it
// should have answered meanwhile. Requests are ready-made bytes: the generator shall cost little beside the server.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

type plan struct {
	Address     string  `json:"address"`
	Path        string  `json:"path"`
	Requests    string  `json:"requests"` // a file: each is its events, its bytes, a newline, and what follows the request line
	Connections int     `json:"connections"`
	Seconds     float64 `json:"seconds"`
	Rate        float64 `json:"rate"` // requests a second; 0 is a closed loop
}

type request struct {
	bytes  []byte
	events int
}

type outcome struct {
	Seconds  float64        `json:"seconds"` // until the last answer
	Due      int            `json:"due"`     // requests that should have been sent
	Unsent   int            `json:"unsent"`  // of these, those that found no free connection
	Statuses map[string]int `json:"statuses"`
	Events   int            `json:"events"`  // of requests that were answered with 202
	Disk     int            `json:"disk"`    // of these requests, those whose events are on one disk only
	Millis   []float64      `json:"millis"`  // of 202: median, 99th and 99.9th hundredth, most
	Retry    int            `json:"retry"`   // of 429 and 503, those that say when to come again
}

// worker has one connection, and what it has seen.
type worker struct {
	plan     plan
	conn     net.Conn
	reader   *bufio.Reader
	statuses map[string]int
	millis   []float64
	events   int
	disk     int
	retry    int
	last     time.Time
}

const timeout = 30 * time.Second

func main() {
	var p plan
	must(json.NewDecoder(os.Stdin).Decode(&p))
	requests, err := read(p)
	must(err)
	must(json.NewEncoder(os.Stdout).Encode(run(p, requests)))
}

func read(p plan) ([]request, error) {
	file, err := os.ReadFile(p.Requests)
	if err != nil {
		return nil, err
	}
	var found []request
	for len(file) > 0 {
		head, rest, _ := bytes.Cut(file, []byte("\n"))
		var events, size int
		if _, err := fmt.Sscanf(string(head), "%d %d", &events, &size); err != nil {
			return nil, err
		}
		found = append(found, request{append([]byte("POST "+p.Path+" HTTP/1.1\r\n"), rest[:size]...), events})
		file = rest[size:]
	}
	return found, nil
}

type job struct {
	number int
	due    time.Time
}

func run(p plan, requests []request) outcome {
	jobs := make(chan job)
	workers := make([]*worker, p.Connections)
	var running sync.WaitGroup
	for i := range workers {
		workers[i] = &worker{plan: p, statuses: map[string]int{}}
		running.Go(func() { workers[i].serve(jobs, requests) })
	}
	began := time.Now()
	due, unsent := feed(p, jobs, began)
	close(jobs)
	running.Wait()
	return sum(workers, began, due, unsent)
}

// feed hands out jobs; in an open loop, one that no connection is free for is dropped.
func feed(p plan, jobs chan<- job, began time.Time) (due, unsent int) {
	end := began.Add(time.Duration(p.Seconds * float64(time.Second)))
	if p.Rate == 0 {
		for ; time.Now().Before(end); due++ {
			jobs <- job{due, time.Time{}}
		}
		return due, 0
	}
	for {
		at := began.Add(time.Duration(float64(due) / p.Rate * float64(time.Second)))
		if !at.Before(end) {
			return due, unsent
		}
		if ahead := time.Until(at); ahead > 0 {
			time.Sleep(ahead)
		}
		select {
		case jobs <- job{due, at}:
		default:
			unsent++
		}
		due++
	}
}

func (w *worker) serve(jobs <-chan job, requests []request) {
	for next := range jobs {
		if next.due.IsZero() {
			next.due = time.Now()
		}
		one := requests[next.number%len(requests)]
		status, body, header, err := w.ask(one.bytes)
		w.last = time.Now()
		if err != nil {
			w.statuses[short(err)]++
			w.close()
			continue
		}
		w.statuses[strconv.Itoa(status)]++
		if status == 202 {
			w.events += one.events
			w.millis = append(w.millis, float64(w.last.Sub(next.due).Microseconds())/1000)
			if bytes.Contains(body, []byte(`"durable":"disk"`)) {
				w.disk++
			}
		} else if header {
			w.retry++
		}
	}
	w.close()
}

// ask sends a request; header tells whether the answer says when to come again.
func (w *worker) ask(request []byte) (status int, body []byte, header bool, err error) {
	if w.conn == nil {
		if w.conn, err = net.DialTimeout("tcp", w.plan.Address, timeout); err != nil {
			return
		}
		w.reader = bufio.NewReaderSize(w.conn, 4096)
	}
	w.conn.SetDeadline(time.Now().Add(timeout))
	if _, err = w.conn.Write(request); err != nil {
		return
	}
	return w.answer()
}

func (w *worker) answer() (status int, body []byte, header bool, err error) {
	line, err := w.reader.ReadSlice('\n')
	if err != nil {
		return
	}
	if len(line) < 12 {
		return 0, nil, false, errors.New("no answer of HTTP")
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return
	}
	length, closing := -1, false
	for {
		if line, err = w.reader.ReadSlice('\n'); err != nil {
			return
		}
		name, value, found := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(":"))
		if !found {
			break
		}
		switch value = bytes.TrimSpace(value); http.CanonicalHeaderKey(string(name)) {
		case "Content-Length":
			length, err = strconv.Atoi(string(value))
		case "Retry-After":
			header = true
		case "Connection":
			closing = bytes.EqualFold(value, []byte("close"))
		}
	}
	if length < 0 {
		return 0, nil, false, errors.New("an answer without a length")
	}
	body = make([]byte, length)
	_, err = io.ReadFull(w.reader, body)
	if closing {
		w.close()
	}
	return
}

func (w *worker) close() {
	if w.conn != nil {
		w.conn.Close()
		w.conn = nil
	}
}

func sum(workers []*worker, began time.Time, due, unsent int) outcome {
	found := outcome{Due: due, Unsent: unsent, Statuses: map[string]int{}}
	var millis []float64
	for _, w := range workers {
		for status, count := range w.statuses {
			found.Statuses[status] += count
		}
		found.Events, found.Disk, found.Retry = found.Events+w.events, found.Disk+w.disk, found.Retry+w.retry
		found.Seconds = max(found.Seconds, w.last.Sub(began).Seconds())
		millis = append(millis, w.millis...)
	}
	slices.Sort(millis)
	for _, share := range []float64{0.5, 0.99, 0.999, 1} {
		if len(millis) > 0 {
			found.Millis = append(found.Millis, millis[min(len(millis)-1, int(share*float64(len(millis))))])
		}
	}
	return found
}

func short(err error) string {
	var slow net.Error
	if errors.As(err, &slow) && slow.Timeout() {
		return "no answer in time"
	}
	return "connection lost"
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
