import assert from 'node:assert/strict';
import { client, etagOf, get, refused, settings } from './harness.mjs';

const side = 'x-oss-server-side-encryption';
const put = (key, text, headers = {}) => client.put(key, Buffer.from(text), { headers });
const sideOf = async (key) => (await client.head(key)).res.headers[side];

export async function encryption() {
  const { bucket } = settings;
  await refused(client.getBucketEncryption(bucket), 404, 'NoSuchServerSideEncryptionRule');
  const wrong = client.putBucketEncryption(bucket, { SSEAlgorithm: 'AES128' });
  await refused(wrong, 400, 'InvalidEncryptionAlgorithmError');
  await client.putBucketEncryption(bucket, { SSEAlgorithm: 'AES256' });
  assert.equal((await client.getBucketEncryption(bucket)).encryption.SSEAlgorithm, 'AES256');
  const { bucket: about } = await client.getBucketInfo(bucket);
  assert.equal(about.ServerSideEncryptionRule.SSEAlgorithm, 'AES256');
  const stored = await put('encrypted/rule', '0123456789');
  assert.equal(stored.res.headers[side], 'AES256');
  assert.equal(stored.res.headers.etag, etagOf(Buffer.from('0123456789')));
  const { content } = await client.get('encrypted/rule', { headers: { Range: 'bytes=3-5' } });
  assert.equal(content.toString(), '345');
  await put('encrypted/header', 'by header', { [side]: 'KMS', 'x-oss-server-side-data-encryption': 'SM4' });
  const { headers } = (await client.head('encrypted/header')).res;
  assert.deepEqual([headers[side], headers['x-oss-server-side-data-encryption']], ['KMS', 'SM4']);
  assert.equal(headers[`${side}-key-id`].length, 36);
  const { uploadId } = await client.initMultipartUpload('encrypted/parts', { headers: { [side]: 'SM4' } });
  const part = await client.uploadPart('encrypted/parts', uploadId, 1, Buffer.from('part'), 0, 4);
  await client.completeMultipartUpload('encrypted/parts', uploadId, [{ number: 1, etag: part.etag }]);
  assert.deepEqual([await sideOf('encrypted/parts'), await get('encrypted/parts')], ['SM4', 'part']);
  await client.deleteBucketEncryption(bucket);
  await refused(client.getBucketEncryption(bucket), 404, 'NoSuchServerSideEncryptionRule');
  await client.copy('encrypted/not', 'encrypted/rule');
  assert.deepEqual([await sideOf('encrypted/not'), await get('encrypted/not')], [undefined, '0123456789']);
  const lost = put('encrypted/wrong', 'x', { [side]: 'KMS', [`${side}-key-id`]: 'none' });
  await refused(lost, 404, 'KeyNotFound');
}
