package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	ram "github.com/alibabacloud-go/ram-20150501/v2/client"
	sts "github.com/alibabacloud-go/sts-20150401/v2/client"
	"github.com/alibabacloud-go/tea/tea"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"ossia.test/harness"
)

// identity is one key, and what goes with a temporary one.
type identity struct{ id, secret, token string }

// What one case leaves to the next.
var (
	root       *ram.Client
	userKey    identity
	ramUser    = settings.Bucket + "-user"
	ramRole    = settings.Bucket + "-role"
	ramPolicy  = settings.Bucket + "-policy"
	ramRoleArn string
	ramSession *oss.Client
)

// The types of policies, and a policy that every account has from the start.
var (
	customPolicy = tea.String("Custom")
	systemPolicy = tea.String("System")
	assumeRoles  = tea.String("AliyunSTSAssumeRoleAccess")
)

// withinRule is a key that ramPolicy allows.
const withinRule = "within/key.txt"

func (k identity) config() *openapi.Config {
	return &openapi.Config{
		AccessKeyId: &k.id, AccessKeySecret: &k.secret, SecurityToken: &k.token,
		Endpoint: &settings.StsEndpoint, Protocol: tea.String("http"),
	}
}

func (k identity) ram() *ram.Client { return harness.Must(ram.NewClient(k.config())) }
func (k identity) sts() *sts.Client { return harness.Must(sts.NewClient(k.config())) }
func (k identity) oss() *oss.Client { return newClient(k.id, k.secret, k.token) }

// rpcRefused demands an error of RAM or STS with a code.
func rpcRefused(err error, code string) {
	var refusal *tea.SDKError
	harness.True("refused with "+code+": "+errorText(err), errors.As(err, &refusal))
	harness.Equal("code", *refusal.Code, code)
}

func document(statement map[string]any) string {
	return string(harness.Must(json.Marshal(map[string]any{"Version": "1", "Statement": []any{statement}})))
}

func setClock(seconds int) {
	harness.Ok(os.WriteFile(os.Getenv("OSSIA_TEST_CLOCK"), []byte(fmt.Sprint(seconds)), 0o600))
}

func putAs(session *oss.Client, key string) error {
	return second(session.PutObject(ctx, &oss.PutObjectRequest{Bucket: bucket, Key: &key, Body: strings.NewReader("x")}))
}

func userAndKey() {
	user := harness.Must(root.CreateUser(&ram.CreateUserRequest{UserName: &ramUser})).Body.User
	harness.Equal("name", *user.UserName, ramUser)
	another := &ram.CreateAccessKeyRequest{UserName: &ramUser}
	key := harness.Must(root.CreateAccessKey(another)).Body.AccessKey
	userKey = identity{id: *key.AccessKeyId, secret: *key.AccessKeySecret}
	spare := harness.Must(root.CreateAccessKey(another)).Body.AccessKey
	rpcRefused(second(root.CreateAccessKey(another)), "LimitExceeded.User.AccessKey")
	harness.Ok(second(root.DeleteAccessKey(&ram.DeleteAccessKeyRequest{
		UserName: &ramUser, UserAccessKeyId: spare.AccessKeyId,
	})))
	left := harness.Must(root.ListAccessKeys(&ram.ListAccessKeysRequest{UserName: &ramUser})).Body.AccessKeys
	harness.Equal("keys", len(left.AccessKey), 1)
}

func policy() {
	text := document(map[string]any{
		"Effect": "Allow", "Action": []string{"oss:PutObject", "oss:GetObject"},
		"Resource": []string{"acs:oss:*:*:" + settings.Bucket + "/within/*"},
	})
	create := func(document string) error {
		return second(root.CreatePolicy(&ram.CreatePolicyRequest{PolicyName: &ramPolicy, PolicyDocument: &document}))
	}
	rpcRefused(create("{}"), "MalformedPolicyDocument")
	harness.Ok(create(text))
	found := harness.Must(root.GetPolicy(&ram.GetPolicyRequest{PolicyName: &ramPolicy, PolicyType: customPolicy}))
	harness.Equal("document", *found.Body.DefaultPolicyVersion.PolicyDocument, text)
	harness.Ok(second(root.AttachPolicyToUser(&ram.AttachPolicyToUserRequest{
		UserName: &ramUser, PolicyName: assumeRoles, PolicyType: systemPolicy,
	})))
}

func role() {
	trust := document(map[string]any{
		"Effect": "Allow", "Action": "sts:AssumeRole",
		"Principal": map[string]any{"RAM": []string{"acs:ram::" + os.Getenv("OSSIA_TEST_ACCOUNT_ID") + ":user/" + ramUser}},
	})
	made := harness.Must(root.CreateRole(&ram.CreateRoleRequest{RoleName: &ramRole, AssumeRolePolicyDocument: &trust}))
	ramRoleArn = *made.Body.Role.Arn
	harness.Ok(second(root.AttachPolicyToRole(&ram.AttachPolicyToRoleRequest{
		RoleName: &ramRole, PolicyName: &ramPolicy, PolicyType: customPolicy,
	})))
}

func assumeAndUse() {
	setClock(-600)
	given := harness.Must(userKey.sts().AssumeRole(&sts.AssumeRoleRequest{
		RoleArn: &ramRoleArn, RoleSessionName: tea.String("go-v2"), DurationSeconds: tea.Int64(900),
	})).Body.Credentials
	session := identity{id: *given.AccessKeyId, secret: *given.AccessKeySecret, token: *given.SecurityToken}
	who := harness.Must(session.sts().GetCallerIdentity())
	harness.Equal("kind", *who.Body.IdentityType, "AssumedRoleUser")
	ramSession = session.oss()
	harness.Ok(putAs(ramSession, withinRule))
}

func deniedOutside() {
	refused(putAs(ramSession, "outside.txt"), 403, "AccessDenied")
	refused(putAs(userKey.oss(), withinRule), 403, "AccessDenied")
	rpcRefused(second(userKey.ram().ListUsers(&ram.ListUsersRequest{})), "NoPermission")
}

func expired() {
	harness.Ok(putAs(ramSession, withinRule))
	setClock(600)
	refused(putAs(ramSession, withinRule), 403, "SecurityTokenExpired")
	setClock(0)
}

func cleanUp() {
	deleteRole := func() error { return second(root.DeleteRole(&ram.DeleteRoleRequest{RoleName: &ramRole})) }
	deletePolicy := func() error { return second(root.DeletePolicy(&ram.DeletePolicyRequest{PolicyName: &ramPolicy})) }
	deleteUser := func() error { return second(root.DeleteUser(&ram.DeleteUserRequest{UserName: &ramUser})) }
	rpcRefused(deleteRole(), "DeleteConflict.Role.Policy")
	rpcRefused(deletePolicy(), "DeleteConflict.Policy.Role")
	harness.Ok(second(root.DetachPolicyFromRole(&ram.DetachPolicyFromRoleRequest{
		RoleName: &ramRole, PolicyName: &ramPolicy, PolicyType: customPolicy,
	})))
	harness.Ok(deleteRole())
	harness.Ok(deletePolicy())
	harness.Ok(second(root.DetachPolicyFromUser(&ram.DetachPolicyFromUserRequest{
		UserName: &ramUser, PolicyName: assumeRoles, PolicyType: systemPolicy,
	})))
	rpcRefused(deleteUser(), "DeleteConflict.User.AccessKey")
	harness.Ok(second(root.DeleteAccessKey(&ram.DeleteAccessKeyRequest{
		UserName: &ramUser, UserAccessKeyId: &userKey.id,
	})))
	harness.Ok(deleteUser())
	rpcRefused(second(root.GetUser(&ram.GetUserRequest{UserName: &ramUser})), "EntityNotExist.User")
	refused(putAs(userKey.oss(), withinRule), 403, "InvalidAccessKeyId")
}

func ramStory() {
	// Not where it is declared: the cases of test_sdk_faults.py have no endpoint of RAM.
	root = identity{id: settings.AccessKeyID, secret: settings.AccessKeySecret}.ram()
	harness.Ok(second(client.PutBucket(ctx, &oss.PutBucketRequest{Bucket: bucket})))
	harness.Report([]harness.Case{
		{Name: "user_and_key", Run: userAndKey},
		{Name: "policy", Run: policy},
		{Name: "role", Run: role},
		{Name: "assume_and_use", Run: assumeAndUse},
		{Name: "denied_outside", Run: deniedOutside},
		{Name: "expired", Run: expired},
		{Name: "clean_up", Run: cleanUp},
	})
}
