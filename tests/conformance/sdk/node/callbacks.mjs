import assert from 'node:assert/strict';
import { bytes, callbackTo, client, equalEcho, etagOf, get, refused } from './harness.mjs';
import { partSize, uploadParts } from './multipart.mjs';

const json = 'application/json';
const form = 'application/x-www-form-urlencoded';
export const echoTo = '/echo?from=sdk';

export async function toldOf(key, by = client) {
  const { headers } = (await client.head.call(by, key)).res;
  return {
    bucket: by.getBucket(),
    object: key,
    etag: headers.etag.replaceAll('"', ''),
    size: headers['content-length'],
    crc64: headers['x-oss-hash-crc64ecma'],
    mimeType: 'text/plain',
    operation: headers['x-oss-object-type'] === 'Multipart' ? 'CompleteMultipartUpload' : 'PutObject',
  };
}

async function put(contentType) {
  const key = 'callback/键 &=+.txt';
  const options = { mime: 'text/plain', callback: callbackTo(echoTo, contentType) };
  const stored = await client.put(key, Buffer.from('hello'), options);
  equalEcho(stored.data, contentType, await toldOf(key));
  assert.equal(stored.res.headers.etag, etagOf('hello'));
}

export const callback_put_json = () => put(json);
export const callback_put_form = () => put(form);

export async function callback_complete() {
  const [key, content] = ['callback/complete 键.bin', bytes(partSize + 3)];
  const { uploadId, parts } = await uploadParts(key, content);
  const options = { callback: callbackTo(echoTo) };
  const completed = await client.completeMultipartUpload(key, uploadId, parts, options);
  equalEcho(completed.data, json, await toldOf(key));
  // The uploader hands the callback on to Complete, or to Put if the file is small.
  for (const body of [content, Buffer.from('hello')]) {
    const uploaded = await client.multipartUpload(key, body, { ...options, mime: 'text/plain', partSize });
    equalEcho(uploaded.data, json, await toldOf(key));
  }
}

export async function callback_fails() {
  const options = { callback: callbackTo('/fail') };
  const error = await refused(client.put('callback/failed', Buffer.from('hello'), options), 203, 'CallbackFailed');
  assert.equal(error.name, 'CallbackFailedError');
  assert.equal(error.message, 'Error status : 500.');
  assert.match(error.ecCode, /^0007-/);
  assert.equal(await get('callback/failed'), 'hello');
  const text = client.put('callback/failed', Buffer.from('hello'), { callback: callbackTo('/text') });
  assert.equal((await refused(text, 203, 'CallbackFailed')).message, 'Response body is not valid json format.');
}

export async function callback_complete_fails() {
  const [key, content] = ['callback/complete-failed', bytes(partSize + 3)];
  const { uploadId, parts } = await uploadParts(key, content);
  const completed = client.completeMultipartUpload(key, uploadId, parts, { callback: callbackTo('/fail') });
  await refused(completed, 203, 'CallbackFailed');
  assert.ok((await client.get(key)).content.equals(content));
}
