// RAM by the core client, STS and OSS by ali-oss; see test_sdk_ram.py.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import RpcClient from '@alicloud/pop-core';
import OSS from 'ali-oss';
import { client, newClient, refused, report, settings } from './harness.mjs';

const user = `${settings.bucket}-user`;
const role = `${settings.bucket}-role`;
const policy = `${settings.bucket}-policy`;
const within = 'within/key.txt';
const custom = { PolicyName: policy, PolicyType: 'Custom' };
const assumeRoles = { PolicyName: 'AliyunSTSAssumeRoleAccess', PolicyType: 'System' };
const setClock = (seconds) => writeFileSync(process.env.OSSIA_TEST_CLOCK, String(seconds));
const document = (statement) => JSON.stringify({ Version: '1', Statement: [statement] });
const put = (session, key) => session.put(key, Buffer.from('x'));

function rpc(accessKeyId, accessKeySecret) {
  const core = new RpcClient({ accessKeyId, accessKeySecret, endpoint: settings.sts.endpoint, apiVersion: '2015-05-01' });
  return (action, ...given) => core.request(action, Object.assign({}, ...given), { method: 'POST' });
}

const ram = rpc(settings.id, settings.secret);
const rpcRefused = (promise, code) => assert.rejects(promise, (error) => error.code === code || assert.fail(error));
const userClient = () => newClient({ accessKeyId: key.id, accessKeySecret: key.secret });
let key;
let arn;
let session;

const story = {
  async user_and_key() {
    const made = await ram('CreateUser', { UserName: user });
    assert.equal(made.User.UserName, user);
    const { AccessKey } = await ram('CreateAccessKey', { UserName: user });
    key = { id: AccessKey.AccessKeyId, secret: AccessKey.AccessKeySecret };
    const spare = (await ram('CreateAccessKey', { UserName: user })).AccessKey.AccessKeyId;
    await rpcRefused(ram('CreateAccessKey', { UserName: user }), 'LimitExceeded.User.AccessKey');
    await ram('DeleteAccessKey', { UserName: user, UserAccessKeyId: spare });
    const { AccessKeys } = await ram('ListAccessKeys', { UserName: user });
    assert.deepEqual(AccessKeys.AccessKey.map((each) => each.AccessKeyId), [key.id]);
  },
  async policy() {
    const text = document({
      Effect: 'Allow',
      Action: ['oss:PutObject', 'oss:GetObject'],
      Resource: [`acs:oss:*:*:${settings.bucket}/within/*`],
    });
    await rpcRefused(ram('CreatePolicy', { PolicyName: policy, PolicyDocument: '{}' }), 'MalformedPolicyDocument');
    await ram('CreatePolicy', { PolicyName: policy, PolicyDocument: text });
    assert.equal((await ram('GetPolicy', custom)).DefaultPolicyVersion.PolicyDocument, text);
    await ram('AttachPolicyToUser', assumeRoles, { UserName: user });
  },
  async role() {
    const trusted = `acs:ram::${process.env.OSSIA_TEST_ACCOUNT_ID}:user/${user}`;
    const trust = document({ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { RAM: [trusted] } });
    arn = (await ram('CreateRole', { RoleName: role, AssumeRolePolicyDocument: trust })).Role.Arn;
    await ram('AttachPolicyToRole', custom, { RoleName: role });
  },
  async assume_and_use() {
    setClock(-600);
    const sts = new OSS.STS({ ...settings.sts, accessKeyId: key.id, accessKeySecret: key.secret });
    const { credentials } = await sts.assumeRole(arn, undefined, 900, 'node');
    session = newClient({
      accessKeyId: credentials.AccessKeyId,
      accessKeySecret: credentials.AccessKeySecret,
      stsToken: credentials.SecurityToken,
      refreshSTSToken: async () => credentials,
      refreshSTSTokenInterval: 600000,
    });
    await put(session, within);
  },
  async denied_outside() {
    await refused(put(session, 'outside.txt'), 403, 'AccessDenied');
    await refused(put(userClient(), within), 403, 'AccessDenied');
    await rpcRefused(rpc(key.id, key.secret)('ListUsers'), 'NoPermission');
  },
  async expired() {
    await put(session, within);
    setClock(600);
    await refused(put(session, within), 403, 'SecurityTokenExpired');
    setClock(0);
  },
  async clean_up() {
    await rpcRefused(ram('DeleteRole', { RoleName: role }), 'DeleteConflict.Role.Policy');
    await rpcRefused(ram('DeletePolicy', custom), 'DeleteConflict.Policy.Role');
    await ram('DetachPolicyFromRole', custom, { RoleName: role });
    await ram('DeleteRole', { RoleName: role });
    await ram('DeletePolicy', custom);
    await ram('DetachPolicyFromUser', assumeRoles, { UserName: user });
    await rpcRefused(ram('DeleteUser', { UserName: user }), 'DeleteConflict.User.AccessKey');
    await ram('DeleteAccessKey', { UserName: user, UserAccessKeyId: key.id });
    await ram('DeleteUser', { UserName: user });
    await rpcRefused(ram('GetUser', { UserName: user }), 'EntityNotExist.User');
    await refused(put(userClient(), within), 403, 'InvalidAccessKeyId');
  },
};

await client.putBucket(settings.bucket);
await report(story);
process.exit(0);
