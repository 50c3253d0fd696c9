import assert from 'node:assert/strict';
import { echoTo, toldOf } from './callbacks.mjs';
import { bareUrl, callbackTo, client, equalEcho, fetchPlain, get, newClient, refused, settings } from './harness.mjs';

const { bucket } = settings;
const boundary = '9431149156168';

// The statuses that strangers get for an object below open/ and one elsewhere.
async function strangers() {
  const keys = ['open/k', 'closed/k'];
  await Promise.all(keys.map((key) => client.put(key, Buffer.from('x'))));
  return Promise.all(keys.map(async (key) => (await fetchPlain('GET', bareUrl(key))).status));
}

export async function bucket_policy() {
  const open = {
    Version: '1',
    Statement: [
      { Effect: 'Allow', Principal: ['*'], Action: ['oss:GetObject'], Resource: [`acs:oss:*:*:${bucket}/open/*`] },
    ],
  };
  // Of a refusal it tells the status, and no policy.
  const none = await client.getBucketPolicy(bucket);
  assert.deepEqual([none.status, none.policy], [404, null]);
  assert.match(none.res.data.toString(), /<Code>NoSuchBucketPolicy<\/Code>/);
  await refused(client.putBucketPolicy(bucket, { Version: '1' }), 400, 'InvalidPolicyDocument');
  assert.equal((await client.putBucketPolicy(bucket, open)).status, 200);
  assert.deepEqual((await client.getBucketPolicy(bucket)).policy, open);
  assert.deepEqual(await strangers(), [200, 403]);
  assert.equal((await client.deleteBucketPolicy(bucket)).status, 204);
  assert.equal((await client.getBucketPolicy(bucket)).policy, null);
  assert.deepEqual(await strangers(), [403, 403]);
}

export async function bucket_stat() {
  const name = `${bucket}-settings`;
  const asked = newClient({ bucket: name });
  await client.putBucket(name);
  const stat = async () => (await client.getBucketStat(name)).stat;
  assert.equal((await stat()).ObjectCount, '0');
  await asked.put('k', Buffer.from('12345'));
  await asked.put('cold', Buffer.from('123'), { headers: { 'x-oss-storage-class': 'IA' } });
  const { uploadId } = await asked.initMultipartUpload('k');
  const found = await stat();
  assert.deepEqual([found.Storage, found.ObjectCount, found.MultipartUploadCount], ['8', '2', '1']);
  assert.deepEqual([found.StandardStorage, found.StandardObjectCount, found.LiveChannelCount], ['5', '1', '0']);
  assert.deepEqual([found.InfrequentAccessRealStorage, found.InfrequentAccessObjectCount], ['3', '1']);
  assert.ok(Math.abs(Number(found.LastModifiedTime) - Date.now() / 1000) < 10);
  await asked.abortMultipartUpload('k', uploadId);
  await asked.deleteMulti(['k', 'cold']);
  assert.equal((await stat()).MultipartUploadCount, '0');
  await client.deleteBucket(name);
  await refused(client.getBucketStat(name), 404, 'NoSuchBucket');
}

export async function absent_configurations() {
  const logging = await client.getBucketLogging(bucket);
  assert.deepEqual([logging.enable, logging.prefix], [false, null]);
  const referer = await client.getBucketReferer(bucket);
  assert.deepEqual([referer.allowEmpty, referer.referers], [true, null]);
  assert.equal((await client.getBucketRequestPayment(bucket)).payer, 'BucketOwner');
  await refused(client.getBucketWebsite(bucket), 404, 'NoSuchWebsiteConfiguration');
  assert.equal((await client.deleteBucketLogging(bucket)).res.status, 204);
  assert.equal((await client.deleteBucketWebsite(bucket)).res.status, 204);
}

export async function live_channels() {
  const { channels, isTruncated, nextMarker } = await client.listChannels({ prefix: 'a 键', marker: 'm', 'max-keys': 7 });
  assert.deepEqual([channels, isTruncated, nextMarker], [[], false, null]);
  await refused(newClient({ bucket: `${bucket}-missing` }).listChannels(), 404, 'NoSuchBucket');
}

// The fields of a form as the SDK signs its policy.
function signed() {
  const now = new Date();
  const policy = {
    expiration: new Date(now.getTime() + 60000).toISOString(),
    conditions: [{ bucket }, ['content-length-range', 1, 1024]],
  };
  if (settings.signature !== 'v4') return client.calculatePostSignature(policy);
  const stamp = now.toISOString().replace(/[-:]|\.\d+/g, '');
  const fields = {
    'x-oss-signature-version': 'OSS4-HMAC-SHA256',
    'x-oss-credential': [settings.id, stamp.slice(0, 8), settings.region, 'oss', 'aliyun_v4_request'].join('/'),
    'x-oss-date': stamp,
  };
  policy.conditions.push(...Object.entries(fields).map(([name, value]) => ({ [name]: value })));
  fields['x-oss-signature'] = client.signPostObjectPolicyV4(policy, now);
  fields.policy = Buffer.from(JSON.stringify(policy)).toString('base64');
  return fields;
}

function send(fields, key, content) {
  const { url, body, contentType, customValue } = callbackTo(echoTo);
  const callback = { callbackUrl: url, callbackBody: body, callbackBodyType: contentType };
  const variables = Object.entries(customValue).map(([name, value]) => [`x:${name}`, value]);
  const every = {
    ...fields,
    key,
    'x-oss-content-type': 'text/plain',
    callback: Buffer.from(JSON.stringify(callback)).toString('base64'),
    ...Object.fromEntries(variables),
  };
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="`;
  const parts = Object.entries(every).map(([name, value]) => `${head}${name}"\r\n\r\n${value}\r\n`);
  const text = `${parts.join('')}${head}file"; filename="file.txt"\r\n\r\n${content}\r\n--${boundary}--\r\n`;
  const headers = { 'Content-Type': `multipart/form-data; boundary=${boundary}` };
  return fetchPlain('POST', bareUrl(''), { headers, body: Buffer.from(text) });
}

export async function post_object() {
  const key = 'post/键 ${x}.txt';
  const { status, text } = await send(signed(), key, 'hello');
  assert.equal(status, 200, text);
  equalEcho(JSON.parse(text), 'application/json', { ...(await toldOf(key)), operation: 'PostObject' });
  assert.equal(await get(key), 'hello');
  assert.equal((await client.head(key)).res.headers['content-type'], 'text/plain');
  const large = await send(signed(), key, 'x'.repeat(1025));
  assert.deepEqual([large.status, /<Code>(\w+)/.exec(large.text)?.[1]], [400, 'EntityTooLarge']);
  const wrong = Object.entries(signed()).map(([name, value]) => [name, /signature$/i.test(name) ? 'x' : value]);
  const stranger = await send(Object.fromEntries(wrong), key, 'x');
  assert.deepEqual([stranger.status, /<Code>(\w+)/.exec(stranger.text)?.[1]], [403, 'SignatureDoesNotMatch']);
}
