// URLs that anybody may use; ali-oss signs none for an IP address.
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { echoTo, toldOf } from './callbacks.mjs';
import { awkwardKeys, callbackTo, client, equalEcho, fetchPlain, get, presign } from './harness.mjs';
import { assumeRole } from './sts.mjs';

const keys = ['presigned', ...awkwardKeys];

export async function presigned_get() {
  for (const key of keys) {
    await client.put(key, Buffer.from(key));
    assert.deepEqual(await fetchPlain('GET', await presign(key)), { status: 200, text: key });
  }
  const url = await presign('presigned');
  const part = await fetchPlain('GET', url, { headers: { Range: 'bytes=0-2' } });
  assert.deepEqual(part, { status: 206, text: 'pre' });
}

export async function presigned_put() {
  const headers = { 'content-type': 'text/x-own', 'x-oss-meta-by': 'url' };
  for (const key of keys) {
    const url = await presign(key, { method: 'PUT', headers });
    assert.deepEqual(await fetchPlain('PUT', url, { headers, body: key }), { status: 200, text: '' });
    assert.equal(await get(key), key);
    const about = await client.head(key);
    assert.equal(about.res.headers['content-type'], 'text/x-own');
    assert.deepEqual(about.meta, { by: 'url' });
  }
  const url = await presign('presigned', { method: 'PUT', headers });
  const other = { ...headers, 'content-type': 'text/other' };
  assert.equal((await fetchPlain('PUT', url, { headers: other, body: 'x' })).status, 403);
}

export async function presigned_expired() {
  const url = await presign('presigned', { expires: 1 });
  // ali-oss rounds the time to the next second, and a URL of V1 is valid through its last one (W33).
  await setTimeout(2600);
  assert.equal((await fetchPlain('GET', url)).status, 403);
}

export async function callback_presigned() {
  const key = 'callback/presigned 键.txt';
  const headers = { 'content-type': 'text/plain' };
  const url = await presign(key, { method: 'PUT', headers, callback: callbackTo(echoTo) });
  const { status, text } = await fetchPlain('PUT', url, { headers, body: 'hello' });
  assert.equal(status, 200, text);
  equalEcho(JSON.parse(text), 'application/json', await toldOf(key));
}

export async function sts_presigned() {
  const url = await presign('sts/node-presigned.txt', { with: await assumeRole(), method: 'PUT' });
  assert.deepEqual(await fetchPlain('PUT', url, { body: 'hello' }), { status: 200, text: '' });
}
