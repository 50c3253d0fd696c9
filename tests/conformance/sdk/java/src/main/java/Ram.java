import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;

import com.aliyun.oss.OSS;
import com.aliyun.oss.model.PutObjectResult;
import com.aliyun.ram20150501.Client;
import com.aliyun.ram20150501.models.AttachPolicyToRoleRequest;
import com.aliyun.ram20150501.models.AttachPolicyToUserRequest;
import com.aliyun.ram20150501.models.CreateAccessKeyRequest;
import com.aliyun.ram20150501.models.CreatePolicyRequest;
import com.aliyun.ram20150501.models.CreateRoleRequest;
import com.aliyun.ram20150501.models.CreateUserRequest;
import com.aliyun.ram20150501.models.DeleteAccessKeyRequest;
import com.aliyun.ram20150501.models.DeletePolicyRequest;
import com.aliyun.ram20150501.models.DeleteRoleRequest;
import com.aliyun.ram20150501.models.DeleteUserRequest;
import com.aliyun.ram20150501.models.DetachPolicyFromRoleRequest;
import com.aliyun.ram20150501.models.DetachPolicyFromUserRequest;
import com.aliyun.ram20150501.models.GetPolicyRequest;
import com.aliyun.ram20150501.models.GetUserRequest;
import com.aliyun.ram20150501.models.ListAccessKeysRequest;
import com.aliyun.ram20150501.models.ListUsersRequest;
import com.aliyun.sts20150401.models.AssumeRoleRequest;
import com.aliyun.tea.TeaException;
import com.aliyun.teaopenapi.models.Config;
import com.google.gson.Gson;

/** RAM, STS and OSS by their official Java packages; see test_sdk_ram.py. */
public final class Ram {
    private static final String USER = Settings.BUCKET + "-user";
    private static final String ROLE = Settings.BUCKET + "-role";
    private static final String POLICY = Settings.BUCKET + "-policy";
    private static final String ASSUMING = "AliyunSTSAssumeRoleAccess";
    private static final String WITHIN = "within/key.txt";

    private static Client root;
    private static String keyId;
    private static String keySecret;
    private static String roleArn;
    private static OSS session;

    public static void main(String[] arguments) throws Exception {
        root = new Client(config(Settings.ID, Settings.SECRET));
        Oss.CLIENT.createBucket(Settings.BUCKET);
        Map<String, Suite.Case> cases = new LinkedHashMap<>();
        cases.put("user_and_key", Ram::userAndKey);
        cases.put("policy", Ram::policy);
        cases.put("role", Ram::role);
        cases.put("assume_and_use", Ram::assumeAndUse);
        cases.put("denied_outside", Ram::deniedOutside);
        cases.put("expired", Ram::expired);
        cases.put("clean_up", Ram::cleanUp);
        cases.forEach(Suite::report);
        System.exit(0);
    }

    private static Config config(String id, String secret) {
        return new Config()
                .setAccessKeyId(id)
                .setAccessKeySecret(secret)
                .setEndpoint(Settings.STS_ENDPOINT)
                .setProtocol("http");
    }

    private static void refused(String code, Callable<?> call) throws Exception {
        try {
            call.call();
        } catch (TeaException error) {
            Check.equal("code of " + error.getMessage(), error.getCode(), code);
            return;
        }
        throw new AssertionError("not refused; wanted " + code);
    }

    private static void setClock(String seconds) throws Exception {
        Files.writeString(Path.of(System.getenv("OSSIA_TEST_CLOCK")), seconds);
    }

    private static String document(Map<String, Object> statement) {
        return new Gson().toJson(Map.of("Version", "1", "Statement", List.of(statement)));
    }

    private static PutObjectResult put(OSS client, String key) {
        return client.putObject(Settings.BUCKET, key, new ByteArrayInputStream(Settings.utf8("x")));
    }

    private static void userAndKey() throws Exception {
        var made = root.createUser(new CreateUserRequest().setUserName(USER)).getBody().getUser();
        Check.equal("name", made.getUserName(), USER);
        CreateAccessKeyRequest request = new CreateAccessKeyRequest().setUserName(USER);
        var key = root.createAccessKey(request).getBody().getAccessKey();
        keyId = key.getAccessKeyId();
        keySecret = key.getAccessKeySecret();
        String spare = root.createAccessKey(request).getBody().getAccessKey().getAccessKeyId();
        refused("LimitExceeded.User.AccessKey", () -> root.createAccessKey(request));
        root.deleteAccessKey(new DeleteAccessKeyRequest().setUserName(USER).setUserAccessKeyId(spare));
        var listed = root.listAccessKeys(new ListAccessKeysRequest().setUserName(USER)).getBody().getAccessKeys();
        Check.equal("keys", listed.getAccessKey().size(), 1);
        Check.equal("key", listed.getAccessKey().get(0).getAccessKeyId(), keyId);
    }

    private static void policy() throws Exception {
        String text = document(Map.of(
                "Effect", "Allow",
                "Action", List.of("oss:PutObject", "oss:GetObject"),
                "Resource", List.of("acs:oss:*:*:" + Settings.BUCKET + "/within/*")));
        CreatePolicyRequest request = new CreatePolicyRequest().setPolicyName(POLICY).setPolicyDocument("{}");
        refused("MalformedPolicyDocument", () -> root.createPolicy(request));
        root.createPolicy(request.setPolicyDocument(text));
        var found = root.getPolicy(new GetPolicyRequest().setPolicyName(POLICY).setPolicyType("Custom")).getBody();
        Check.equal("document", found.getDefaultPolicyVersion().getPolicyDocument(), text);
        root.attachPolicyToUser(new AttachPolicyToUserRequest()
                .setUserName(USER).setPolicyName(ASSUMING).setPolicyType("System"));
    }

    private static void role() throws Exception {
        String trusted = "acs:ram::" + System.getenv("OSSIA_TEST_ACCOUNT_ID") + ":user/" + USER;
        String trust = document(Map.of(
                "Effect", "Allow", "Action", "sts:AssumeRole", "Principal", Map.of("RAM", List.of(trusted))));
        roleArn = root.createRole(new CreateRoleRequest().setRoleName(ROLE).setAssumeRolePolicyDocument(trust))
                .getBody().getRole().getArn();
        root.attachPolicyToRole(new AttachPolicyToRoleRequest()
                .setRoleName(ROLE).setPolicyName(POLICY).setPolicyType("Custom"));
    }

    private static void assumeAndUse() throws Exception {
        setClock("-600");
        var sts = new com.aliyun.sts20150401.Client(config(keyId, keySecret));
        var given = sts.assumeRole(new AssumeRoleRequest()
                .setRoleArn(roleArn).setRoleSessionName("java").setDurationSeconds(900L)).getBody().getCredentials();
        session = Oss.client(given.getAccessKeyId(), given.getAccessKeySecret(), given.getSecurityToken());
        put(session, WITHIN);
    }

    private static void deniedOutside() throws Exception {
        Check.refused("AccessDenied", () -> put(session, "outside.txt"));
        Check.refused("AccessDenied", () -> put(Oss.client(keyId, keySecret, null), WITHIN));
        Client user = new Client(config(keyId, keySecret));
        refused("NoPermission", () -> user.listUsers(new ListUsersRequest()));
    }

    private static void expired() throws Exception {
        put(session, WITHIN);
        setClock("600");
        Check.refused("SecurityTokenExpired", () -> put(session, WITHIN));
        setClock("0");
    }

    private static void cleanUp() throws Exception {
        DeleteRoleRequest deleteRole = new DeleteRoleRequest().setRoleName(ROLE);
        DeletePolicyRequest deletePolicy = new DeletePolicyRequest().setPolicyName(POLICY);
        DeleteUserRequest deleteUser = new DeleteUserRequest().setUserName(USER);
        refused("DeleteConflict.Role.Policy", () -> root.deleteRole(deleteRole));
        refused("DeleteConflict.Policy.Role", () -> root.deletePolicy(deletePolicy));
        root.detachPolicyFromRole(new DetachPolicyFromRoleRequest()
                .setRoleName(ROLE).setPolicyName(POLICY).setPolicyType("Custom"));
        root.deleteRole(deleteRole);
        root.deletePolicy(deletePolicy);
        root.detachPolicyFromUser(new DetachPolicyFromUserRequest()
                .setUserName(USER).setPolicyName(ASSUMING).setPolicyType("System"));
        refused("DeleteConflict.User.AccessKey", () -> root.deleteUser(deleteUser));
        root.deleteAccessKey(new DeleteAccessKeyRequest().setUserName(USER).setUserAccessKeyId(keyId));
        root.deleteUser(deleteUser);
        refused("EntityNotExist.User", () -> root.getUser(new GetUserRequest().setUserName(USER)));
        Check.refused("InvalidAccessKeyId", () -> put(Oss.client(keyId, keySecret, null), WITHIN));
    }

    private Ram() {
    }
}
