// collector is the native floor: HTTP to Kafka with franz-go and as little else as a collector can do.
//
// It verifies the token (and remembers it), splits the array, checks the envelope of each event, and answers 202 once
// every event has been acknowledged by all replicas in sync. What data holds is not checked: the floor does less than
// the edge, not more.
package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

var types = map[string]bool{
	"page.viewed": true, "cart.item_added": true, "checkout.started": true, "order.placed": true,
	"order.cancelled": true, "payment.succeeded": true, "payment.failed": true, "refund.issued": true,
}

type event struct {
	SpecVersion string          `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Time        time.Time       `json:"time"`
	Data        json.RawMessage `json:"data"`
}

type merchant struct {
	id      []byte
	expires int64
}

type collector struct {
	kafka *kgo.Client
	keys  map[string]ed25519.PublicKey
	known sync.Map // token: merchant
}

func main() {
	listen := flag.String("listen", "", "HOST:PORT")
	brokers := flag.String("kafka", "", "HOST:PORT")
	topic := flag.String("topic", "", "where events go")
	jwks := flag.String("keys", "", "the file of public keys")
	flag.Parse()
	kafka, err := kgo.NewClient(kgo.SeedBrokers(*brokers), kgo.DefaultProduceTopic(*topic),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.MaxBufferedRecords(1_000_000))
	if err != nil {
		log.Fatal(err)
	}
	one := &collector{kafka: kafka, keys: keys(*jwks)}
	http.HandleFunc("POST /v1/events", one.post)
	http.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {})
	log.Fatal(http.ListenAndServe(*listen, nil))
}

func (c *collector) post(w http.ResponseWriter, r *http.Request) {
	who, err := c.verify(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	events, err := split(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := c.send(who, events); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	answer, _ := json.Marshal(map[string]int{"accepted": len(events)})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	w.Write(answer)
}

func split(body []byte) ([]json.RawMessage, error) {
	var events []json.RawMessage
	if err := json.Unmarshal(body, &events); err != nil {
		return nil, err
	}
	for _, text := range events {
		var one event
		if err := json.Unmarshal(text, &one); err != nil {
			return nil, err
		}
		if one.SpecVersion != "1.0" || one.ID == "" || one.Source == "" || !types[one.Type] || len(one.Data) == 0 {
			return nil, errors.New("not an event: " + one.ID)
		}
	}
	return events, nil
}

func (c *collector) send(who merchant, events []json.RawMessage) error {
	var waiting sync.WaitGroup
	var failed atomic.Pointer[error]
	waiting.Add(len(events))
	for _, text := range events {
		c.kafka.Produce(context.Background(), &kgo.Record{Key: who.id, Value: text}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.Store(&err)
			}
			waiting.Done()
		})
	}
	waiting.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

func (c *collector) verify(token string) (merchant, error) {
	now := time.Now().Unix()
	if known, found := c.known.Load(token); found && known.(merchant).expires > now {
		return known.(merchant), nil
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return merchant{}, errors.New("not a token")
	}
	var header struct{ Kid string }
	var claims struct {
		Sub string
		Exp int64
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err = errors.Join(err, decode(parts[0], &header), decode(parts[1], &claims)); err != nil {
		return merchant{}, err
	}
	key, found := c.keys[header.Kid]
	if !found || !ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), signature) || claims.Exp <= now {
		return merchant{}, errors.New("the token is not valid")
	}
	who := merchant{[]byte(claims.Sub), claims.Exp}
	c.known.Store(token, who)
	return who, nil
}

func decode(part string, value any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, value)
}

func keys(file string) map[string]ed25519.PublicKey {
	text, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	var known struct{ Keys []struct{ Kid, X string } }
	if err := json.Unmarshal(text, &known); err != nil {
		log.Fatal(err)
	}
	found := map[string]ed25519.PublicKey{}
	for _, key := range known.Keys {
		bytes, err := base64.RawURLEncoding.DecodeString(key.X)
		if err != nil {
			log.Fatal(err)
		}
		found[key.Kid] = bytes
	}
	return found
}
