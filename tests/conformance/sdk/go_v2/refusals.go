package main

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

func asServiceError(err error, found **oss.ServiceError) bool { return errors.As(err, found) }

func errorNoSuchKey() {
	_, err := client.GetObject(ctx, &oss.GetObjectRequest{Bucket: bucket, Key: oss.Ptr("no/such key")})
	found := refused(err, 404, "NoSuchKey")
	harness.True("it has an EC", found.EC != "")
}

func errorNoSuchBucket() {
	missing := oss.Ptr(settings.Bucket + "-missing")
	refused(second(client.ListObjects(ctx, &oss.ListObjectsRequest{Bucket: missing})), 404, "NoSuchBucket")
	refused(second(client.PutObject(ctx, &oss.PutObjectRequest{Bucket: missing, Key: oss.Ptr("k")})), 404, "NoSuchBucket")
}

func errorWrongSecret() {
	stranger := newClient(settings.AccessKeyID, "wrong", "")
	_, err := stranger.GetObject(ctx, &oss.GetObjectRequest{Bucket: bucket, Key: oss.Ptr("k")})
	refused(err, 403, "SignatureDoesNotMatch")
}

func errorUnknownAccessKey() {
	stranger := newClient("LTAIunknown", "wrong", "")
	_, err := stranger.ListObjectsV2(ctx, &oss.ListObjectsV2Request{Bucket: bucket})
	refused(err, 403, "InvalidAccessKeyId")
}

func errorBucketNotEmpty() {
	put("something", []byte("x"))
	_, err := client.DeleteBucket(ctx, &oss.DeleteBucketRequest{Bucket: bucket})
	refused(err, 409, "BucketNotEmpty")
}

func errorOfHead() {
	_, err := client.HeadObject(ctx, &oss.HeadObjectRequest{Bucket: bucket, Key: oss.Ptr("no-such-key")})
	refused(err, 404, "NoSuchKey")
}

func errorMalformedCallback() {
	for _, malformed := range []string{"{not base64}", base64.StdEncoding.EncodeToString([]byte("not JSON"))} {
		_, err := client.PutObject(ctx, &oss.PutObjectRequest{
			Bucket: bucket, Key: oss.Ptr("callback/refused"), Body: strings.NewReader("x"), Callback: &malformed,
		})
		refused(err, 400, "InvalidArgument")
	}
	harness.True("nothing is stored", !harness.Must(client.IsObjectExist(ctx, *bucket, "callback/refused")))
}
