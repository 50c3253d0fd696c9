package main

import (
	"errors"
	"strings"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	openapiutil "github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/alibabacloud-go/tea/tea"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

// stsCall sends one call of STS as the generated clients do: signed with ACS3.
func stsCall(secret, action string, query map[string]*string) (map[string]any, error) {
	caller := harness.Must(openapi.NewClient(&openapiutil.Config{
		AccessKeyId: &settings.StsKeyID, AccessKeySecret: &secret,
		Endpoint: &settings.StsEndpoint, Protocol: tea.String("http"),
	}))
	answer, err := caller.CallApi(&openapiutil.Params{
		Action: &action, Version: tea.String("2015-04-01"), Protocol: tea.String("http"), Pathname: tea.String("/"),
		Method: tea.String("POST"), AuthType: tea.String("AK"), Style: tea.String("RPC"),
		ReqBodyType: tea.String("formData"), BodyType: tea.String("json"),
	}, &openapiutil.OpenApiRequest{Query: query}, &dara.RuntimeOptions{})
	if err != nil {
		return nil, err
	}
	return answer["body"].(map[string]any), nil
}

func assumeRole(policy string) *oss.Client {
	query := map[string]*string{"RoleArn": &settings.RoleArn, "RoleSessionName": tea.String("go-v2")}
	if policy != "" {
		query["Policy"] = &policy
	}
	answer := harness.Must(stsCall(settings.StsKeySecret, "AssumeRole", query))
	given := answer["Credentials"].(map[string]any)
	text := func(name string) string { return given[name].(string) }
	return newClient(text("AccessKeyId"), text("AccessKeySecret"), text("SecurityToken"))
}

func stsUpload() {
	key := "sts/go_v2 键.txt"
	session := assumeRole("")
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
	stored := harness.Must(putWithCallback(assumeRole(""), &settings.RoleBucket, key, settings.Callback(echo, harness.JSON)))
	settings.EqualEcho(stored.CallbackResult, harness.JSON, harness.ToldOfHello(settings.RoleBucket, key))
}

func stsPresigned() {
	signed := harness.Must(assumeRole("").Presign(ctx, &oss.PutObjectRequest{
		Bucket: &settings.RoleBucket, Key: oss.Ptr("sts/go_v2-presigned.txt"),
	}))
	status, text := fetchSigned(signed, []byte("hello"))
	harness.Equal("status of "+text, status, 200)
}

func stsDenied() {
	session := assumeRole("")
	_, err := session.GetObject(ctx, &oss.GetObjectRequest{Bucket: &settings.RoleBucket, Key: oss.Ptr("k")})
	refused(err, 403, "AccessDenied")
	_, err = session.PutObject(ctx, &oss.PutObjectRequest{Bucket: bucket, Key: oss.Ptr("k")})
	refused(err, 403, "AccessDenied")
	_, err = stsCall("wrong", "AssumeRole", map[string]*string{
		"RoleArn": &settings.RoleArn, "RoleSessionName": tea.String("go-v2"),
	})
	var refusal *tea.SDKError
	harness.True("STS refuses a wrong secret: "+errorText(err), errors.As(err, &refusal))
	harness.Equal("code", *refusal.Code, "SignatureDoesNotMatch")
}

func stsSessionPolicy() {
	session := assumeRole(settings.PolicyOnly("only/"))
	write := func(key string) error {
		return second(session.PutObject(ctx, &oss.PutObjectRequest{Bucket: &settings.RoleBucket, Key: &key}))
	}
	harness.Ok(write("only/here"))
	refused(write("elsewhere"), 403, "AccessDenied")
	_, err := session.GetObject(ctx, &oss.GetObjectRequest{Bucket: &settings.RoleBucket, Key: oss.Ptr("only/here")})
	refused(err, 403, "AccessDenied")
}
