package main

import (
	"fmt"
	"strings"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/signer"
	"ossia.test/harness"
)

// A policy by which anybody reads what lies below open/.
var openPolicy = fmt.Sprintf(`{"Version":"1","Statement":[{"Effect":"Allow","Principal":["*"],`+
	`"Action":["oss:GetObject"],"Resource":["acs:oss:*:*:%s/open/*"]}]}`, settings.Bucket)

func putPolicy(text string) error {
	return second(client.PutBucketPolicy(ctx, &oss.PutBucketPolicyRequest{Bucket: bucket, Body: strings.NewReader(text)}))
}

func deletePolicy() {
	harness.Ok(second(client.DeleteBucketPolicy(ctx, &oss.DeleteBucketPolicyRequest{Bucket: bucket})))
}

// strangers are the statuses that they get for an object below open/ and one elsewhere.
func strangers() []int {
	put("open/k", []byte("x"))
	put("closed/k", []byte("x"))
	open, _ := harness.Fetch("GET", settings.BareURL(*bucket, "open/k"), nil, nil)
	closed, _ := harness.Fetch("GET", settings.BareURL(*bucket, "closed/k"), nil, nil)
	return []int{open, closed}
}

func bucketPolicy() {
	get := func() (*oss.GetBucketPolicyResult, error) {
		return client.GetBucketPolicy(ctx, &oss.GetBucketPolicyRequest{Bucket: bucket})
	}
	refused(second(get()), 404, "NoSuchBucketPolicy")
	refused(putPolicy(`{"Version":"1"}`), 400, "InvalidPolicyDocument")
	harness.Ok(putPolicy(openPolicy))
	harness.Equal("policy", harness.Must(get()).Body, openPolicy)
	harness.Equal("what strangers get", strangers(), []int{200, 403})
	deletePolicy()
	refused(second(get()), 404, "NoSuchBucketPolicy")
	harness.Equal("what strangers get", strangers(), []int{403, 403})
}

func policyStatus() {
	isPublic := func() bool {
		found := harness.Must(client.GetBucketPolicyStatus(ctx, &oss.GetBucketPolicyStatusRequest{Bucket: bucket}))
		return *found.PolicyStatus.IsPublic
	}
	harness.True("without one it is not public", !isPublic())
	harness.Ok(putPolicy(openPolicy))
	harness.True("what is for anybody is public", isPublic())
	harness.Ok(putPolicy(strings.Replace(openPolicy, "Allow", "Deny", 1)))
	harness.True("what forbids is not public", !isPublic())
	deletePolicy()
}

func blocked(yes bool) *oss.PublicAccessBlockConfiguration {
	return &oss.PublicAccessBlockConfiguration{BlockPublicAccess: &yes}
}

func makePublic() error {
	return second(client.PutBucketAcl(ctx, &oss.PutBucketAclRequest{Bucket: bucket, Acl: oss.BucketACLPublicRead}))
}

func makePrivate() {
	harness.Ok(second(client.PutBucketAcl(ctx, &oss.PutBucketAclRequest{Bucket: bucket, Acl: oss.BucketACLPrivate})))
}

func publicAccessBlock() {
	isBlocked := func() bool {
		found := harness.Must(client.GetBucketPublicAccessBlock(ctx, &oss.GetBucketPublicAccessBlockRequest{Bucket: bucket}))
		return *found.PublicAccessBlockConfiguration.BlockPublicAccess
	}
	set := func(yes bool) {
		harness.Ok(second(client.PutBucketPublicAccessBlock(ctx, &oss.PutBucketPublicAccessBlockRequest{
			Bucket: bucket, PublicAccessBlockConfiguration: blocked(yes),
		})))
	}
	harness.True("at first it is not blocked", !isBlocked())
	set(true)
	harness.True("it is blocked", isBlocked())
	refused(makePublic(), 403, "AccessDenied")
	refused(putPolicy(openPolicy), 403, "AccessDenied")
	set(false)
	harness.True("it is no longer blocked", !isBlocked())
	set(true)
	harness.Ok(second(client.DeleteBucketPublicAccessBlock(ctx, &oss.DeleteBucketPublicAccessBlockRequest{Bucket: bucket})))
	harness.True("at last it is not blocked", !isBlocked())
	harness.Ok(makePublic())
	makePrivate()
}

func accountAccessBlock() {
	isBlocked := func() bool {
		found := harness.Must(client.GetPublicAccessBlock(ctx, &oss.GetPublicAccessBlockRequest{}))
		return *found.PublicAccessBlockConfiguration.BlockPublicAccess
	}
	remove := func() {
		harness.Ok(second(client.DeletePublicAccessBlock(ctx, &oss.DeletePublicAccessBlockRequest{})))
	}
	// The account is everybody's: the next suite finds it as this one did.
	defer remove()
	harness.True("at first it is not blocked", !isBlocked())
	harness.Ok(second(client.PutPublicAccessBlock(ctx, &oss.PutPublicAccessBlockRequest{PublicAccessBlockConfiguration: blocked(true)})))
	harness.True("it is blocked", isBlocked())
	refused(makePublic(), 403, "AccessDenied")
	remove()
	harness.True("at last it is not blocked", !isBlocked())
	harness.Ok(makePublic())
	makePrivate()
}

// invokePolicies asks for what the SDK has no method for.
func invokePolicies(method, body string) (string, error) {
	input := &oss.OperationInput{
		OpName: method + "BucketCallbackPolicy", Method: method, Bucket: bucket,
		Parameters: map[string]string{"policy": "", "comp": "callback"},
	}
	if body != "" {
		input.Body = strings.NewReader(body)
	}
	input.OpMetadata.Set(signer.SubResource, []string{"policy", "comp"})
	output, err := client.InvokeOperation(ctx, input)
	if err != nil || output.Body == nil {
		return "", err
	}
	defer output.Body.Close()
	return harness.ReadAll(output.Body), nil
}

func callbackPolicies() {
	refused(second(invokePolicies("GET", "")), 404, "BucketCallbackPolicyNotExist")
	harness.Must(invokePolicies("PUT", settings.CallbackPolicies("told", echo)))
	harness.Equal("policies", harness.PoliciesOf(harness.Must(invokePolicies("GET", ""))), settings.PoliciesNamed("told", echo))
	key := "callback/by policy.txt"
	stored := harness.Must(putWithCallback(client, bucket, key, harness.CallbackNamed("told")))
	settings.EqualEcho(stored.CallbackResult, harness.JSON, harness.ToldOfHello(*bucket, key))
	refused(second(putWithCallback(client, bucket, key, harness.CallbackNamed("other"))), 400, "InvalidArgument")
	harness.Must(invokePolicies("DELETE", ""))
	refused(second(invokePolicies("GET", "")), 404, "BucketCallbackPolicyNotExist")
}
