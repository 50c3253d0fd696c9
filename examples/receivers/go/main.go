// Receive upload callbacks with nothing but Go's standard library (1.24 or newer).
//
//	go run . 8080 http://127.0.0.1:9000/-/callback/public_key.pem
//	go run . --vectors ../vectors.json
//
// Each argument after the port is the URL of a key to trust, or, with a slash at its end, the place of
// several; without any, the keys of the real OSS are trusted.  LISTEN is the address, 127.0.0.1 by default.

// The key of the real OSS has 512 bits, which crypto/rsa refuses otherwise.
//go:debug rsa1024min=0

package main

import (
	"crypto"
	"crypto/md5"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	maxBodyBytes = 1 << 20
	maxKeyBytes  = 64 << 10
	maxKeys      = 64
	fetchTimeout = 5 * time.Second
	keyLifetime  = 5 * time.Minute
)

var ossKeyURLs = []string{"http://gosspublic.alicdn.com/", "https://gosspublic.alicdn.com/"}

// uploaded is where your work goes: the callback is genuine.  The uploading client receives the result.
func uploaded(body []byte) any {
	fmt.Printf("verified: %s\n", body)
	return map[string]string{"Status": "OK"}
}

// verify tells why target (as in the request line) and body are not what a trusted key signed.
func verify(target string, header http.Header, body []byte, trusted []string, fetch func(string) ([]byte, error)) error {
	signature, err := decoded(header, "Authorization")
	if err != nil {
		return err
	}
	keyURL, err := decoded(header, "X-Oss-Pub-Key-Url")
	if err != nil {
		return err
	}
	if !isTrusted(string(keyURL), trusted) {
		return errors.New("the key URL is not trusted")
	}
	key, err := publicKey(string(keyURL), fetch)
	if err != nil {
		return errors.New("the key cannot be fetched or used")
	}
	signed, err := stringToSign(target, body)
	if err != nil {
		return err
	}
	digest := md5.Sum(signed)
	if rsa.VerifyPKCS1v15(key, crypto.MD5, digest[:], signature) != nil {
		return errors.New("the signature does not match path, query and body")
	}
	return nil
}

// stringToSign decodes the path once, "+" staying; the query is raw and keeps its "?", even a bare one.
func stringToSign(target string, body []byte) ([]byte, error) {
	path, query, hasQuery := strings.Cut(target, "?")
	if hasQuery {
		query = "?" + query
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		return nil, errors.New("the path cannot be decoded")
	}
	return append([]byte(plain+query+"\n"), body...), nil
}

func decoded(header http.Header, name string) ([]byte, error) {
	value := header.Get(name)
	if value == "" {
		return nil, fmt.Errorf("the header %s is missing", name)
	}
	found, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return nil, fmt.Errorf("the header %s is not base64", name)
	}
	return found, nil
}

// The request chooses the URL of the key.  The slash after the host ends the host, and a path without dot
// segments, escapes or a query means the same to everyone who reads it.
var plainPath = regexp.MustCompile(`\A[\w-][\w.-]*(/[\w-][\w.-]*)*\z`)

// isTrusted tells whether url is a trusted one or, where that ends with a slash, a plain path below it.
func isTrusted(url string, trusted []string) bool {
	for _, place := range trusted {
		below, isBelow := strings.CutPrefix(url, place)
		if url == place && !strings.HasSuffix(place, "/") ||
			isBelow && strings.HasSuffix(place, "/") && plainPath.MatchString(below) {
			return true
		}
	}
	return false
}

func publicKey(url string, fetch func(string) ([]byte, error)) (*rsa.PublicKey, error) {
	text, err := fetch(url)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("not a PEM file")
	}
	found, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, isRSA := found.(*rsa.PublicKey)
	if !isRSA {
		return nil, errors.New("not an RSA key")
	}
	return key, nil
}

// keyCache fetches keys and remembers them for a while.
type keyCache struct {
	mutex sync.Mutex
	keys  map[string]fetchedKey
}

type fetchedKey struct {
	pem []byte
	at  time.Time
}

var client = http.Client{
	Timeout:       fetchTimeout,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (cache *keyCache) fetch(url string) ([]byte, error) {
	cache.mutex.Lock()
	known, found := cache.keys[url]
	cache.mutex.Unlock()
	if found && time.Since(known.at) < keyLifetime {
		return known.pem, nil
	}
	response, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxKeyBytes))
	if err != nil {
		return nil, err
	}
	cache.mutex.Lock()
	defer cache.mutex.Unlock()
	if len(cache.keys) >= maxKeys {
		clear(cache.keys)
	}
	cache.keys[url] = fetchedKey{text, time.Now()}
	return text, nil
}

// receiver answers callbacks.
type receiver struct {
	trusted []string
	keys    keyCache
}

func (receiver *receiver) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodPost {
		writer.Header().Set("Allow", http.MethodPost)
		answer(writer, http.StatusMethodNotAllowed, refusal("callbacks are POST requests"))
		return
	}
	if request.ContentLength < 0 || request.ContentLength > maxBodyBytes {
		answer(writer, http.StatusBadRequest, refusal("the body has no length, or is too long"))
		return
	}
	body, err := io.ReadAll(request.Body)
	if err == nil {
		// Not request.URL: it is parsed, and a bare "?" or a double slash is lost.
		err = verify(request.RequestURI, request.Header, body, receiver.trusted, receiver.keys.fetch)
	}
	if err != nil {
		answer(writer, http.StatusBadRequest, refusal(err.Error()))
		return
	}
	answer(writer, http.StatusOK, uploaded(body))
}

func refusal(reason string) any {
	return map[string]string{"Status": "verify not ok", "reason": reason}
}

// answer does what OSS wants: exactly 200, a Content-Length, and JSON.
func answer(writer http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	writer.Header().Set("Content-Type", "application/json")
	writer.Header().Set("Content-Length", strconv.Itoa(len(body)))
	writer.WriteHeader(status)
	writer.Write(body)
}

func checkVectors(file string) (wrong int, err error) {
	var vectors struct {
		TrustedKeyURLs []string `json:"trusted_key_urls"`
		Keys           map[string]string
		Cases          []struct {
			Name, Expect, Target, Body string
			Headers                    map[string]string
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		return 0, err
	}
	fetch := func(url string) ([]byte, error) {
		key, found := vectors.Keys[url]
		if !found {
			return nil, errors.New("no such key")
		}
		return []byte(key), nil
	}
	for _, each := range vectors.Cases {
		header := http.Header{}
		for name, value := range each.Headers {
			header.Set(name, value)
		}
		found, verdict := "verified", "ok"
		reason := verify(each.Target, header, []byte(each.Body), vectors.TrustedKeyURLs, fetch)
		if reason != nil {
			found = "refused"
		}
		if found != each.Expect {
			verdict = "FAIL"
			wrong++
		}
		fmt.Println(strings.TrimSuffix(fmt.Sprint(verdict, " ", each.Name, ": ", found, " ", reason), " <nil>"))
	}
	return wrong, nil
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "--vectors" {
		wrong, err := checkVectors(os.Args[2])
		if err != nil {
			log.Fatal(err)
		}
		if wrong > 0 {
			os.Exit(1)
		}
		return
	}
	if len(os.Args) < 2 {
		log.Fatal("usage: receiver PORT [KEY_URL ...] | --vectors FILE")
	}
	trusted := os.Args[2:]
	if len(trusted) == 0 {
		trusted = ossKeyURLs
	}
	address := os.Getenv("LISTEN")
	if address == "" {
		address = "127.0.0.1"
	}
	server := http.Server{
		Addr: net.JoinHostPort(address, os.Args[1]),
		// Not http.ServeMux: it redirects where a path can be cleaned.
		Handler:     &receiver{trusted: trusted, keys: keyCache{keys: map[string]fetchedKey{}}},
		ReadTimeout: 10 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}
