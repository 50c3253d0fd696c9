import assert from 'node:assert/strict';
import OSS from 'ali-oss';
import { echoTo, toldOf } from './callbacks.mjs';
import { bytes, callbackTo, equalEcho, newClient, refused, settings } from './harness.mjs';
import { partSize } from './multipart.mjs';

const bucket = settings.roleBucket;

export async function assumeRole(policy) {
  const { credentials } = await new OSS.STS(settings.sts).assumeRole(settings.roleArn, policy, 900, 'node');
  assert.ok(Date.parse(credentials.Expiration) > Date.now());
  return newClient({
    bucket,
    accessKeyId: credentials.AccessKeyId,
    accessKeySecret: credentials.AccessKeySecret,
    stsToken: credentials.SecurityToken,
    refreshSTSToken: async () => credentials,
    refreshSTSTokenInterval: 600000,
  });
}

export async function sts_upload() {
  const session = await assumeRole();
  const root = newClient({ bucket });
  await session.put('sts/node 键.txt', Buffer.from('hello'));
  assert.equal((await root.get('sts/node 键.txt')).content.toString(), 'hello');
  const content = bytes(2 * partSize + 1);
  await session.multipartUpload('sts/node.bin', content, { partSize });
  assert.ok((await root.get('sts/node.bin')).content.equals(content));
}

export async function sts_callback() {
  const key = 'sts/node-callback.txt';
  const options = { mime: 'text/plain', callback: callbackTo(echoTo) };
  const stored = await (await assumeRole()).put(key, Buffer.from('hello'), options);
  equalEcho(stored.data, 'application/json', await toldOf(key, newClient({ bucket })));
}

export async function sts_denied() {
  const session = await assumeRole();
  await refused(session.get('k'), 403, 'AccessDenied');
  session.useBucket(settings.bucket);
  await refused(session.put('k', Buffer.from('x')), 403, 'AccessDenied');
  const stranger = new OSS.STS({ ...settings.sts, accessKeySecret: 'wrong' });
  await assert.rejects(stranger.assumeRole(settings.roleArn), { status: 400, code: 'SignatureDoesNotMatch' });
}

export async function sts_session_policy() {
  const statement = {
    Effect: 'Allow',
    Action: ['oss:PutObject', 'oss:GetObject'],
    Resource: [`acs:oss:*:*:${bucket}/only/*`],
  };
  const session = await assumeRole({ Version: '1', Statement: [statement] });
  await session.put('only/here', Buffer.from('x'));
  await refused(session.put('elsewhere', Buffer.from('x')), 403, 'AccessDenied');
  await refused(session.get('only/here'), 403, 'AccessDenied');
}
