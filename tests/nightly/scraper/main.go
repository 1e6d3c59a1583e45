// Asks a program for its heap every so often, with the client by which Prometheus scrapes, and reads each answer as
// pprof itself does.
//
//	scraper ADDRESS TOKEN EVERY TIMES
//
// Prints a line of JSON for each answer: its bytes, samples, the bytes in use, and how long it took. Ends with 1 at the
// first that is not what it should be.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/google/pprof/profile"
	"github.com/prometheus/common/config"
)

type scrape struct {
	Bytes        int   `json:"bytes"`
	Samples      int   `json:"samples"`
	InUse        int64 `json:"in_use"`
	Milliseconds int64 `json:"ms"`
}

func main() {
	every, err := time.ParseDuration(os.Args[3])
	check(err)
	times, err := strconv.Atoi(os.Args[4])
	check(err)
	client, err := config.NewClientFromConfig(config.HTTPClientConfig{
		Authorization: &config.Authorization{Type: "Bearer", Credentials: config.Secret(os.Args[2])},
	}, "scraper")
	check(err)
	ticker := time.NewTicker(every)
	for range times {
		<-ticker.C
		found, err := ask(client, os.Args[1])
		check(err)
		check(json.NewEncoder(os.Stdout).Encode(found))
	}
}

func ask(client *http.Client, address string) (*scrape, error) {
	began := time.Now()
	response, err := client.Get(address)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", response.Status, body)
	}
	heap, err := profile.Parse(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if err := heap.CheckValid(); err != nil {
		return nil, err
	}
	found := &scrape{Bytes: len(body), Samples: len(heap.Sample), Milliseconds: time.Since(began).Milliseconds()}
	for index, one := range heap.SampleType {
		if one.Type == heap.DefaultSampleType {
			for _, sample := range heap.Sample {
				found.InUse += sample.Value[index]
			}
		}
	}
	return found, nil
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
