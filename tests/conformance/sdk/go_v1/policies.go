package main

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/aliyun/aliyun-oss-go-sdk/oss"
	"ossia.test/harness"
)

// A policy by which anybody reads what lies below open/.
var openPolicy = fmt.Sprintf(`{"Version":"1","Statement":[{"Effect":"Allow","Principal":["*"],`+
	`"Action":["oss:GetObject"],"Resource":["acs:oss:*:*:%s/open/*"]}]}`, settings.Bucket)

// strangers are the statuses that they get for an object below open/ and one elsewhere.
func strangers() []int {
	put("open/k", []byte("x"))
	put("closed/k", []byte("x"))
	open, _ := harness.Fetch("GET", settings.BareURL(settings.Bucket, "open/k"), nil, nil)
	closed, _ := harness.Fetch("GET", settings.BareURL(settings.Bucket, "closed/k"), nil, nil)
	return []int{open, closed}
}

func bucketPolicy() {
	refused(second(client.GetBucketPolicy(settings.Bucket)), 404, "NoSuchBucketPolicy")
	refused(client.SetBucketPolicy(settings.Bucket, `{"Version":"1"}`), 400, "InvalidPolicyDocument")
	harness.Ok(client.SetBucketPolicy(settings.Bucket, openPolicy))
	harness.Equal("policy", harness.Must(client.GetBucketPolicy(settings.Bucket)), openPolicy)
	harness.Equal("what strangers get", strangers(), []int{200, 403})
	harness.Ok(client.DeleteBucketPolicy(settings.Bucket))
	refused(second(client.GetBucketPolicy(settings.Bucket)), 404, "NoSuchBucketPolicy")
	harness.Equal("what strangers get", strangers(), []int{403, 403})
}

func bucketQos() {
	refused(second(client.GetBucketQosInfo(settings.Bucket)), 404, "NoSuchBucketQosInfo")
	total, part, requests, over := 5, 4, 1000, 6
	wanted := oss.BucketQoSConfiguration{TotalUploadBandwidth: &total, IntranetUploadBandwidth: &part, TotalQPS: &requests}
	harness.Ok(client.SetBucketQoSInfo(settings.Bucket, wanted))
	found := harness.Must(client.GetBucketQosInfo(settings.Bucket))
	harness.Equal("uploads", []int{*found.TotalUploadBandwidth, *found.IntranetUploadBandwidth}, []int{total, part})
	harness.Equal("downloads", *found.TotalDownloadBandwidth, -1)
	harness.Equal("requests", []int{*found.TotalQPS, *found.ExtranetQPS}, []int{requests, -1})
	wanted.IntranetUploadBandwidth = &over
	refused(client.SetBucketQoSInfo(settings.Bucket, wanted), 400, "InvalidArgument")
	harness.Ok(client.DeleteBucketQosInfo(settings.Bucket))
	refused(second(client.GetBucketQosInfo(settings.Bucket)), 404, "NoSuchBucketQosInfo")
}

// invokePolicies asks for what the SDK has no method for.
func invokePolicies(method, body string) (string, error) {
	params := map[string]any{"policy": nil, "comp": "callback"}
	answer, err := bucket.Do(method, "", params, nil, strings.NewReader(body), nil)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	return harness.ReadAll(answer.Body), nil
}

func callbackPolicies() {
	refused(second(invokePolicies("GET", "")), 404, "BucketCallbackPolicyNotExist")
	harness.Must(invokePolicies("PUT", settings.CallbackPolicies("told", echo)))
	harness.Equal("policies", harness.PoliciesOf(harness.Must(invokePolicies("GET", ""))), settings.PoliciesNamed("told", echo))
	put := func(policy string) (answer []byte, err error) {
		err = bucket.PutObject("callback/by policy.txt", strings.NewReader("hello"), oss.ContentType("text/plain"),
			oss.Callback(harness.CallbackNamed(policy)), oss.CallbackResult(&answer))
		return answer, err
	}
	told := harness.ToldOfHello(settings.Bucket, "callback/by policy.txt")
	settings.EqualEcho(harness.Parse(harness.Must(put("told"))), harness.JSON, told)
	refused(second(put("other")), 400, "InvalidArgument")
	harness.Must(invokePolicies("DELETE", ""))
	refused(second(invokePolicies("GET", "")), 404, "BucketCallbackPolicyNotExist")
}

func triggerCallback() {
	key := "trigger/键.txt"
	put(key, []byte("hello"))
	found := harness.Must(bucket.ProcessObject(key, settings.Trigger("/processed")))
	want := oss.ProcessObjectResult{Bucket: settings.Bucket, Object: key, FileSize: len("hello"), Status: settings.Processed()}
	harness.Equal("what the application says", found, want)
	refused(second(bucket.ProcessObject("trigger/missing", settings.Trigger("/processed"))), 404, "NoSuchKey")
	refused(second(bucket.ProcessObject(key, "image/resize,w_100")), 501, "NotImplemented")
}

// headBucket asks as the SDK itself does not: it has a method for any request.
func headBucket() {
	ask := func(name string) (http.Header, error) {
		answer, err := bucketOf(client, name).Do("HEAD", "", nil, nil, nil, nil)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		harness.Equal("status", answer.StatusCode, 200)
		return answer.Headers, nil
	}
	harness.Equal("region", harness.Must(ask(settings.Bucket)).Get("x-oss-bucket-region"), "oss-"+settings.Region)
	refused(second(ask(settings.Bucket+"-missing")), 404, "NoSuchBucket")
}
