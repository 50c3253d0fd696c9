package main

import (
	"strings"

	sts "github.com/alibabacloud-go/sts-20150401/v2/client"
	"github.com/alibabacloud-go/tea/tea"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

func stsKey(secret string) identity { return identity{id: settings.StsKeyID, secret: secret} }

func askForRole(policy *string) *sts.AssumeRoleRequest {
	return &sts.AssumeRoleRequest{RoleArn: &settings.RoleArn, RoleSessionName: tea.String("go-v2"), Policy: policy}
}

func assumeRole(policy *string) *oss.Client {
	given := harness.Must(stsKey(settings.StsKeySecret).sts().AssumeRole(askForRole(policy))).Body.Credentials
	return identity{id: *given.AccessKeyId, secret: *given.AccessKeySecret, token: *given.SecurityToken}.oss()
}

func stsUpload() {
	key := "sts/go_v2 键.txt"
	session := assumeRole(nil)
	harness.Ok(second(session.PutObject(ctx, &oss.PutObjectRequest{
		Bucket: &settings.RoleBucket, Key: &key, Body: strings.NewReader("hello"),
	})))
	found := harness.Must(client.GetObject(ctx, &oss.GetObjectRequest{Bucket: &settings.RoleBucket, Key: &key}))
	harness.Equal("content", harness.ReadAll(found.Body), "hello")
	content := harness.Bytes(2*partSize + 1)
	harness.Ok(second(session.NewUploader().UploadFile(ctx,
		&oss.PutObjectRequest{Bucket: &settings.RoleBucket, Key: &key}, settings.File("sts.bin", content),
		func(options *oss.UploaderOptions) { options.PartSize = partSize })))
}

func stsCallback() {
	key := "sts/go_v2-callback.txt"
	stored := harness.Must(putWithCallback(assumeRole(nil), &settings.RoleBucket, key, settings.Callback(echo, harness.JSON)))
	settings.EqualEcho(stored.CallbackResult, harness.JSON, harness.ToldOfHello(settings.RoleBucket, key))
}

func stsPresigned() {
	signed := harness.Must(assumeRole(nil).Presign(ctx, &oss.PutObjectRequest{
		Bucket: &settings.RoleBucket, Key: oss.Ptr("sts/go_v2-presigned.txt"),
	}))
	status, text := fetchSigned(signed, []byte("hello"))
	harness.Equal("status of "+text, status, 200)
}

func stsDenied() {
	session := assumeRole(nil)
	_, err := session.GetObject(ctx, &oss.GetObjectRequest{Bucket: &settings.RoleBucket, Key: oss.Ptr("k")})
	refused(err, 403, "AccessDenied")
	_, err = session.PutObject(ctx, &oss.PutObjectRequest{Bucket: bucket, Key: oss.Ptr("k")})
	refused(err, 403, "AccessDenied")
	rpcRefused(second(stsKey("wrong").sts().AssumeRole(askForRole(nil))), "SignatureDoesNotMatch")
}

func stsSessionPolicy() {
	session := assumeRole(tea.String(settings.PolicyOnly("only/")))
	write := func(key string) error {
		return second(session.PutObject(ctx, &oss.PutObjectRequest{Bucket: &settings.RoleBucket, Key: &key}))
	}
	harness.Ok(write("only/here"))
	refused(write("elsewhere"), 403, "AccessDenied")
	_, err := session.GetObject(ctx, &oss.GetObjectRequest{Bucket: &settings.RoleBucket, Key: oss.Ptr("only/here")})
	refused(err, 403, "AccessDenied")
}
