package testing

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/credentials"
)

// Ossia is a server in memory and an inbox for callbacks, both for one test.
type Ossia struct {
	Endpoint        string `json:"endpoint"`
	Region          string `json:"region"`
	AccessKeyID     string `json:"-"`
	AccessKeySecret string `json:"-"`
	InboxURL        string `json:"-"`
	received        chan string
}

// StartOssia runs a server until the test ends.
func StartOssia(t *testing.T) *Ossia {
	t.Helper()
	found := &Ossia{AccessKeyID: "LTAI" + rand.Text(), AccessKeySecret: rand.Text(), received: make(chan string, 100)}
	server := exec.Command("ossia", "serve", "--json", "--listen", "127.0.0.1:0", "--metadata", "memory", "--blobs", "memory")
	server.Env = append(os.Environ(),
		"OSSIA_ROOT_ACCESS_KEY_ID="+found.AccessKeyID, "OSSIA_ROOT_ACCESS_KEY_SECRET="+found.AccessKeySecret)
	server.Stderr = os.Stderr
	output, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		_ = server.Wait()
	})
	ready, _ := bufio.NewReader(output).ReadBytes('\n')
	if err := json.Unmarshal(ready, found); err != nil {
		t.Fatal("ossia did not start: what it says is above")
	}
	inbox := httptest.NewServer(http.HandlerFunc(found.receive))
	t.Cleanup(inbox.Close)
	found.InboxURL = inbox.URL + "/callback"
	return found
}

func (o *Ossia) receive(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	o.received <- string(body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"Status":"OK"}`)
}

// Client is the official SDK with the server's keys.
func (o *Ossia) Client() *oss.Client {
	return oss.NewClient(oss.LoadDefaultConfig().
		WithEndpoint(o.Endpoint).WithRegion(o.Region).WithUsePathStyle(true).
		WithCredentialsProvider(credentials.NewStaticCredentialsProvider(o.AccessKeyID, o.AccessKeySecret)))
}

// FreshBucket makes a bucket that was not there before.
func (o *Ossia) FreshBucket(t *testing.T) string {
	t.Helper()
	name := "test-" + time.Now().UTC().Format("20060102-150405-000000000")
	if _, err := o.Client().PutBucket(context.Background(), &oss.PutBucketRequest{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	return name
}

// NextCallback is the body of the next callback.
func (o *Ossia) NextCallback(t *testing.T) string {
	t.Helper()
	select {
	case body := <-o.received:
		return body
	case <-time.After(5 * time.Second):
		t.Fatalf("no callback arrived at %s: was anything uploaded, and with a callback to this URL?", o.InboxURL)
		return ""
	}
}
