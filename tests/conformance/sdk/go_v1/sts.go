package main

import (
	"errors"
	"strings"

	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/sts"
	"github.com/aliyun/aliyun-oss-go-sdk/oss"
	"ossia.test/harness"
)

// assume calls STS with the older core SDK: RPC, version 1.0 signatures.
func assume(secret, policy string) (*sts.AssumeRoleResponse, error) {
	caller := harness.Must(sts.NewClientWithAccessKey(settings.Region, settings.StsKeyID, secret))
	request := sts.CreateAssumeRoleRequest()
	request.Scheme, request.Domain = "http", settings.StsEndpoint
	request.RoleArn, request.RoleSessionName, request.Policy = settings.RoleArn, "go-v1", policy
	return caller.AssumeRole(request)
}

func session(policy string) *oss.Client {
	given := harness.Must(assume(settings.StsKeySecret, policy)).Credentials
	return newClient(given.AccessKeyId, given.AccessKeySecret, given.SecurityToken)
}

func stsUpload() {
	mine, root := bucketOf(session(""), settings.RoleBucket), bucketOf(client, settings.RoleBucket)
	harness.Ok(mine.PutObject("sts/go_v1 键.txt", strings.NewReader("hello")))
	stream := harness.Must(root.GetObject("sts/go_v1 键.txt"))
	harness.Equal("content", harness.ReadAll(stream), "hello")
	harness.Ok(stream.Close())
	file := settings.File("sts.bin", harness.Bytes(2*partSize+1))
	harness.Ok(mine.UploadFile("sts/go_v1.bin", file, partSize, oss.Routines(2)))
}

func stsCallback() {
	key := "sts/go_v1-callback.txt"
	answer := harness.Must(putWithCallback(bucketOf(session(""), settings.RoleBucket), key, echo, harness.JSON))
	settings.EqualEcho(harness.Parse(answer), harness.JSON, harness.ToldOfHello(settings.RoleBucket, key))
}

func stsPresigned() {
	url := harness.Must(bucketOf(session(""), settings.RoleBucket).SignURL("sts/go_v1-presigned.txt", oss.HTTPPut, 60))
	status, text := harness.Fetch("PUT", url, nil, []byte("hello"))
	harness.Equal("status of "+text, status, 200)
}

func stsDenied() {
	mine := session("")
	refused(second(bucketOf(mine, settings.RoleBucket).GetObject("k")), 403, "AccessDenied")
	refused(bucketOf(mine, settings.Bucket).PutObject("k", strings.NewReader("x")), 403, "AccessDenied")
	_, err := assume("wrong", "")
	var refusal *sdkerrors.ServerError
	harness.True("STS refuses a wrong secret: "+errorText(err), errors.As(err, &refusal))
	// It compares the server's string to sign with its own, and finds them equal.
	harness.Equal("code", refusal.ErrorCode(), "SignatureDoesNotMatch")
	harness.True("the secret is to blame", strings.Contains(refusal.Recommend(), "InvalidAccessKeySecret"))
}

func stsSessionPolicy() {
	mine := bucketOf(session(settings.PolicyOnly("only/")), settings.RoleBucket)
	harness.Ok(mine.PutObject("only/here", strings.NewReader("x")))
	refused(mine.PutObject("elsewhere", strings.NewReader("x")), 403, "AccessDenied")
	refused(second(mine.GetObject("only/here")), 403, "AccessDenied")
}
