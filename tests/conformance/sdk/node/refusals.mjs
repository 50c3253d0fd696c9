import assert from 'node:assert/strict';
import { client, gone, newClient, refused, settings } from './harness.mjs';

export async function error_no_such_key() {
  const error = await refused(client.get('no/such key'), 404, 'NoSuchKey');
  assert.ok(error.ecCode);
}

export async function error_no_such_bucket() {
  const missing = newClient({ bucket: `${settings.bucket}-missing` });
  await refused(missing.list({}), 404, 'NoSuchBucket');
  await refused(missing.put('k', Buffer.from('x')), 404, 'NoSuchBucket');
}

export async function error_wrong_secret() {
  await refused(newClient({ accessKeySecret: 'wrong' }).get('k'), 403, 'SignatureDoesNotMatch');
}

export async function error_unknown_access_key() {
  await refused(newClient({ accessKeyId: 'LTAIunknown' }).listV2({}), 403, 'InvalidAccessKeyId');
}

export async function error_bucket_not_empty() {
  await client.put('something', Buffer.from('x'));
  await refused(client.deleteBucket(settings.bucket), 409, 'BucketNotEmpty');
}

export async function error_of_head() {
  await gone('no-such-key');
  // ali-oss answers 404 and 412 from the status alone; other refusals come from x-oss-err.
  const error = await refused(newClient({ accessKeySecret: 'wrong' }).head('k'), 403, 'SignatureDoesNotMatch');
  assert.ok(error.ecCode);
}

export async function error_malformed_callback() {
  for (const malformed of ['{not base64}', Buffer.from('not JSON').toString('base64')]) {
    const options = { headers: { 'x-oss-callback': malformed } };
    await refused(client.put('callback/refused', Buffer.from('x'), options), 400, 'InvalidArgument');
  }
  await gone('callback/refused');
}
