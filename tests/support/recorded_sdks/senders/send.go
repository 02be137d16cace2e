// Sends the samples with CloudEvents' Go SDK: one event by its client in both modes, and all of them as a batch.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/cloudevents/sdk-go/v2/types"
)

type sample struct {
	Name       string            `json:"name"`
	Attributes map[string]string `json:"attributes"`
	Extensions map[string]any    `json:"extensions"`
	Data       map[string]any    `json:"data"`
}

func event(s sample) cloudevents.Event {
	e := cloudevents.NewEvent()
	e.SetID(s.Attributes["id"])
	e.SetSource(s.Attributes["source"])
	e.SetType(s.Attributes["type"])
	at, _ := types.ParseTime(s.Attributes["time"])
	e.SetTime(at)
	if subject, ok := s.Attributes["subject"]; ok {
		e.SetSubject(subject)
		e.SetDataSchema(s.Attributes["dataschema"])
	}
	for name, value := range s.Extensions {
		if number, ok := value.(float64); ok {
			value = int32(number)
		}
		e.SetExtension(name, value)
	}
	if err := e.SetData(cloudevents.ApplicationJSON, s.Data); err != nil {
		panic(err)
	}
	return e
}

func main() {
	text, err := os.ReadFile(os.Args[2])
	if err != nil {
		panic(err)
	}
	var samples []sample
	if err := json.Unmarshal(text, &samples); err != nil {
		panic(err)
	}
	client, err := cloudevents.NewClientHTTP()
	if err != nil {
		panic(err)
	}
	var all []cloudevents.Event
	for _, s := range samples {
		e := event(s)
		all = append(all, e)
		for mode, encoded := range map[string]context.Context{
			"binary":     binding.WithForceBinary(context.Background()),
			"structured": binding.WithForceStructured(context.Background()),
		} {
			to := fmt.Sprintf("%s/%s/%s", os.Args[1], mode, s.Name)
			if result := client.Send(cloudevents.ContextWithTarget(encoded, to), e); cloudevents.IsUndelivered(result) {
				fmt.Fprintln(os.Stderr, mode, s.Name, result)
			}
		}
	}
	request, err := cehttp.NewHTTPRequestFromEvents(context.Background(), os.Args[1]+"/batch/all", all)
	if err != nil {
		panic(err)
	}
	if _, err := http.DefaultClient.Do(request); err != nil {
		panic(err)
	}
}
