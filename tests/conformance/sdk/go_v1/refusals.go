package main

import (
	"encoding/base64"
	"strings"

	"github.com/aliyun/aliyun-oss-go-sdk/oss"
	"ossia.test/harness"
)

func errorNoSuchKey() {
	found := refused(second(bucket.GetObject("no/such key")), 404, "NoSuchKey")
	harness.True("it has an EC", found.Ec != "")
}

func errorNoSuchBucket() {
	missing := bucketOf(client, settings.Bucket+"-missing")
	refused(second(missing.ListObjects()), 404, "NoSuchBucket")
	refused(missing.PutObject("k", strings.NewReader("x")), 404, "NoSuchBucket")
}

func errorWrongSecret() {
	stranger := bucketOf(newClient(settings.AccessKeyID, "wrong", ""), settings.Bucket)
	refused(second(stranger.GetObject("k")), 403, "SignatureDoesNotMatch")
}

func errorUnknownAccessKey() {
	stranger := bucketOf(newClient("LTAIunknown", "wrong", ""), settings.Bucket)
	refused(second(stranger.ListObjectsV2()), 403, "InvalidAccessKeyId")
}

func errorBucketNotEmpty() {
	put("something", []byte("x"))
	refused(client.DeleteBucket(settings.Bucket), 409, "BucketNotEmpty")
}

func errorOfHead() {
	refused(second(bucket.GetObjectDetailedMeta("no-such-key")), 404, "NoSuchKey")
}

func errorMalformedCallback() {
	for _, malformed := range []string{"{not base64}", base64.StdEncoding.EncodeToString([]byte("not JSON"))} {
		err := bucket.PutObject("callback/refused", strings.NewReader("x"), oss.Callback(malformed))
		refused(err, 400, "InvalidArgument")
	}
	harness.True("nothing is stored", !harness.Must(bucket.IsObjectExist("callback/refused")))
}
