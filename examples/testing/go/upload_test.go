package testing

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
)

func TestTheApplicationHearsOfAnUpload(t *testing.T) {
	ossia := StartOssia(t)
	bucket, client := ossia.FreshBucket(t), ossia.Client()
	asked, _ := json.Marshal(map[string]string{
		"callbackUrl":      ossia.InboxURL,
		"callbackBody":     `{"object":${object},"size":${size}}`,
		"callbackBodyType": "application/json",
	})
	stored, err := client.PutObject(context.Background(), &oss.PutObjectRequest{
		Bucket: &bucket, Key: oss.Ptr("a.txt"), Body: strings.NewReader("hello"),
		Callback: oss.Ptr(base64.StdEncoding.EncodeToString(asked)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if stored.CallbackResult["Status"] != "OK" {
		t.Errorf("the uploader heard %v", stored.CallbackResult)
	}
	if body := ossia.NextCallback(t); body != `{"object":"a.txt","size":5}` {
		t.Errorf("the application heard %s", body)
	}
	found, err := client.GetObject(context.Background(), &oss.GetObjectRequest{Bucket: &bucket, Key: oss.Ptr("a.txt")})
	if err != nil {
		t.Fatal(err)
	}
	defer found.Body.Close()
	if content, _ := io.ReadAll(found.Body); string(content) != "hello" {
		t.Errorf("stored is %q", content)
	}
}
