// Package harness is what the Go suites share: settings, checks, reporting.
package harness

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/crc64"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"time"
)

// Settings are what test_sdks.py tells every suite.
type Settings struct {
	Endpoint, Style, Signature, Region  string
	AccessKeyID, AccessKeySecret        string
	Bucket, Inbox, Scratch              string
	StsEndpoint, StsKeyID, StsKeySecret string
	RoleArn, RoleBucket                 string
	Shared                              Shared
}

// Shared is shared.json: test data that is the same in every language.
type Shared struct {
	AwkwardKeys []string `json:"awkward_keys"`
	Callback    struct {
		Variables  map[string]string `json:"variables"`
		JSON, Form string
	} `json:"callback"`
}

// Load reads the environment.
func Load() Settings {
	get := func(name string) string {
		value, given := os.LookupEnv("OSSIA_TEST_" + name)
		if !given {
			panic("OSSIA_TEST_" + name + " is not set")
		}
		return value
	}
	settings := Settings{
		Endpoint: get("ENDPOINT"), Style: get("STYLE"), Signature: get("SIGNATURE"), Region: get("REGION"),
		AccessKeyID: get("ACCESS_KEY_ID"), AccessKeySecret: get("ACCESS_KEY_SECRET"),
		Bucket: get("PREFIX"), Inbox: get("INBOX"), Scratch: get("SCRATCH"),
		StsEndpoint: get("STS_ENDPOINT"), StsKeyID: get("STS_ACCESS_KEY_ID"), StsKeySecret: get("STS_ACCESS_KEY_SECRET"),
		RoleArn: get("ROLE_ARN"), RoleBucket: get("ROLE_BUCKET"),
	}
	text, err := os.ReadFile(get("SHARED"))
	Ok(err)
	Ok(json.Unmarshal(text, &settings.Shared))
	return settings
}

// Host is where requests for a bucket go: the bucket's own host, or the endpoint.
func (s Settings) Host(bucket string) string {
	host := strings.TrimPrefix(s.Endpoint, "http://")
	if s.Style == "virtual" {
		return bucket + "." + host
	}
	return host
}

// BareURL is the URL of a key for a client that signs nothing.
func (s Settings) BareURL(bucket, key string) string {
	if s.Style == "virtual" {
		return "http://" + s.Host(bucket) + "/" + key
	}
	return s.Endpoint + "/" + bucket + "/" + key
}

// Echoed checks what the application server said to an upload by URL.
func (s Settings) Echoed(status int, text string, told Told) {
	Equal("status of "+text, status, 200)
	s.EqualEcho(Parse([]byte(text)), JSON, told)
}

// Parse reads a JSON object.
func Parse(text []byte) (found map[string]any) {
	Ok(json.Unmarshal(text, &found))
	return found
}

// File writes content into the scratch folder.
func (s Settings) File(name string, content []byte) string {
	path := filepath.Join(s.Scratch, name)
	Ok(os.WriteFile(path, content, 0o600))
	return path
}

// HTTPClient sends every connection to loopback, as a resolver that knows *.localhost would.
func HTTPClient() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: dial}}
}

// Fetch sends a request with a plain client and returns status and body.
func Fetch(method, url string, headers map[string]string, body []byte) (int, string) {
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	Ok(err)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := HTTPClient().Do(request)
	Ok(err)
	defer response.Body.Close()
	return response.StatusCode, ReadAll(response.Body)
}

// ReadAll is the rest of a stream.
func ReadAll(stream io.Reader) string {
	text, err := io.ReadAll(stream)
	Ok(err)
	return string(text)
}

// Bytes are size reproducible bytes.
func Bytes(size int) []byte {
	content := make([]byte, size)
	rand.New(rand.NewSource(int64(size))).Read(content)
	return content
}

// ETagOf is the quoted ETag of an object that was put in one request.
func ETagOf(content []byte) string { return fmt.Sprintf(`"%X"`, md5.Sum(content)) }

// CRCOf is the CRC-64 as headers write it.
func CRCOf(content []byte) string {
	return fmt.Sprint(crc64.Checksum(content, crc64.MakeTable(crc64.ECMA)))
}

// Tree are keys of a small folder with two subfolders.
var Tree = []string{"a.txt", "b/1.txt", "b/2.txt", "c/d/3.txt", "e.txt"}

// Case is one line of the report.
type Case struct {
	Name string
	Run  func()
}

// Report runs the cases in order and prints a line for each.
func Report(cases []Case) {
	lines := json.NewEncoder(os.Stdout)
	for _, each := range cases {
		detail := run(each)
		Ok(lines.Encode(struct {
			Case   string `json:"case"`
			Ok     bool   `json:"ok"`
			Detail string `json:"detail"`
		}{each.Name, detail == "", detail}))
	}
}

func run(each Case) (detail string) {
	defer func() {
		if found := recover(); found != nil {
			detail = fmt.Sprintf("%v%s", found, callers())
		}
	}()
	each.Run()
	return ""
}

// callers are the lines of the suite that led here, innermost first.
func callers() (lines string) {
	counters := make([]uintptr, 50)
	frames := runtime.CallersFrames(counters[:runtime.Callers(2, counters)])
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, "main.") && frame.Function != "main.main" {
			lines += fmt.Sprintf("\n  at %s:%d", filepath.Base(frame.File), frame.Line)
		}
		if !more {
			return lines
		}
	}
}

// Ok demands that nothing went wrong.
func Ok(err error) {
	if err != nil {
		panic(err)
	}
}

// Must is value, if nothing went wrong.
func Must[T any](value T, err error) T {
	Ok(err)
	return value
}

// Equal demands that two values are the same.
func Equal[T any](what string, got, want T) {
	if !reflect.DeepEqual(got, want) {
		panic(fmt.Sprintf("%s: got %s, want %s", what, brief(got), brief(want)))
	}
}

// True demands a fact.
func True(what string, fact bool) {
	if !fact {
		panic(what + ": is not so")
	}
}

func brief(value any) string {
	text := fmt.Sprintf("%#v", value)
	if len(text) > 2000 {
		return text[:2000] + "..."
	}
	return text
}

// PolicyOnly allows writing and reading below a prefix of the role's bucket.
func (s Settings) PolicyOnly(prefix string) string {
	return string(Must(json.Marshal(map[string]any{"Version": "1", "Statement": []any{map[string]any{
		"Effect": "Allow", "Action": []string{"oss:PutObject", "oss:GetObject"},
		"Resource": []string{"acs:oss:*:*:" + s.RoleBucket + "/" + prefix + "*"},
	}}})))
}

// Content types of callbacks.
const (
	JSON = "application/json"
	Form = "application/x-www-form-urlencoded"
)

// Callback is the header value of a callback to a path of the inbox.
func (s Settings) Callback(path, contentType string) string {
	template := s.Shared.Callback.JSON
	if contentType == Form {
		template = s.Shared.Callback.Form
	}
	return encoded(map[string]string{
		"callbackUrl": s.Inbox + path, "callbackBody": template, "callbackBodyType": contentType,
	})
}

// CallbackVariables is the header value of the variables, names prefixed with x:.
func (s Settings) CallbackVariables() string {
	prefixed := map[string]string{}
	for name, value := range s.Shared.Callback.Variables {
		prefixed["x:"+name] = value
	}
	return encoded(prefixed)
}

func encoded(fields map[string]string) string {
	return base64.StdEncoding.EncodeToString(Must(json.Marshal(fields)))
}

// Told is what the application server should have received of an upload.
type Told struct {
	Bucket, Key, ETag, Crc64, Mime, Operation string
	Size                                      int
}

// ToldOfHello is what it receives of a text that says hello.
func ToldOfHello(bucket, key string) Told {
	content := []byte("hello")
	return Told{
		Bucket: bucket, Key: key, ETag: ETagOf(content), Crc64: CRCOf(content),
		Mime: "text/plain", Operation: "PutObject", Size: len(content),
	}
}

// EqualEcho compares the application server's answer with what it should have received.
func (s Settings) EqualEcho(echo map[string]any, contentType string, told Told) {
	want := map[string]any{
		"bucket": told.Bucket, "object": told.Key, "etag": strings.Trim(told.ETag, `"`),
		"size": fmt.Sprint(told.Size), "crc64": told.Crc64, "mimeType": told.Mime, "operation": told.Operation,
	}
	for name, value := range s.Shared.Callback.Variables {
		want[name] = value
	}
	Equal("the application's status", echo["Status"], any("OK"))
	Equal("the callback's content type", echo["type"], any(contentType))
	Equal("the callback's target", echo["target"], any("/echo?from=sdk"))
	Equal("the callback's values", echo["values"], any(want))
}

// FaultCase is one upload and the target of its callback; see test_sdk_faults.py.
type FaultCase struct {
	ID, Operation, Endpoint, Bucket, Key, Content, URL, Body string
}

// Callback is the parameter's value.
func (c FaultCase) Callback() string {
	return encoded(map[string]string{"callbackUrl": c.URL, "callbackBody": c.Body})
}

// Shown is what an SDK made of an upload.
type Shown struct {
	How       string `json:"how"`
	Type      string `json:"type"`
	Status    int    `json:"status"`
	Code      string `json:"code,omitempty"`
	Message   string `json:"message,omitempty"`
	EC        string `json:"ec,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	ETag      string `json:"etag,omitempty"`
	CRC       string `json:"crc,omitempty"`
	Body      string `json:"body,omitempty"`
}

// IsRAM is whether the story of test_sdk_ram.py is wanted.
func IsRAM() bool { return len(os.Args) > 1 && os.Args[1] == "ram" }

// IsFaults tells whether the suite is asked for the cases of test_sdk_faults.py.
func IsFaults() bool { return len(os.Args) > 1 && os.Args[1] == "faults" }

// ShowFaults prints a line for each case of test_sdk_faults.py.
func ShowFaults(show func(FaultCase) Shown) {
	var cases []FaultCase
	Ok(json.Unmarshal(Must(os.ReadFile(os.Getenv("OSSIA_TEST_FAULTS"))), &cases))
	lines := json.NewEncoder(os.Stdout)
	for _, each := range cases {
		var shown Shown
		crash := run(Case{Run: func() { shown = show(each) }})
		if crash != "" {
			shown = Shown{How: "crashed", Message: crash}
		}
		Ok(lines.Encode(struct {
			Case  string `json:"case"`
			Shown Shown  `json:"shown"`
		}{each.ID, shown}))
	}
}
