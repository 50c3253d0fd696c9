import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { awkwardKeys, bareUrl, bytes, client, etagOf, fetchPlain, get, gone, newClient, refused, settings } from './harness.mjs';

const put = (key, text, options) => client.put(key, Buffer.from(text), options);

export async function put_get_head() {
  const content = bytes(300000);
  const stored = await client.put('put/object.bin', content, {
    mime: 'image/png',
    meta: { author: 'me', note: 'two words' },
    headers: { 'Cache-Control': 'max-age=60' },
  });
  assert.equal(stored.res.headers.etag, etagOf(content));
  assert.match(stored.res.headers['x-oss-hash-crc64ecma'], /^\d+$/);
  assert.ok((await client.get('put/object.bin')).content.equals(content));
  const about = await client.head('put/object.bin');
  assert.equal(about.res.headers['content-length'], '300000');
  assert.equal(about.res.headers.etag, etagOf(content));
  assert.equal(about.res.headers['content-type'], 'image/png');
  assert.equal(about.res.headers['cache-control'], 'max-age=60');
  assert.equal(about.res.headers['x-oss-object-type'], 'Normal');
  assert.equal(about.res.headers['x-oss-storage-class'], 'Standard');
  assert.deepEqual(about.meta, { author: 'me', note: 'two words' });
  assert.ok(Math.abs(Date.parse(about.res.headers['last-modified']) - Date.now()) < 10000);
  // A stream of unknown length travels in chunks.
  await client.putStream('put/chunked', Readable.from([Buffer.from('a'), Buffer.from('bc')]));
  assert.equal(await get('put/chunked'), 'abc');
}

export async function empty_object() {
  await put('empty', '');
  assert.equal(await get('empty'), '');
  assert.equal((await client.head('empty')).res.headers['content-length'], '0');
}

export async function exists() {
  await put('exists', 'x');
  assert.equal((await client.getObjectMeta('exists')).res.headers['content-length'], '1');
  await gone('exists-not');
}

export async function awkward_keys() {
  for (const key of awkwardKeys) {
    await put(key, key);
    assert.equal(await get(key), key);
    assert.equal((await client.head(key)).status, 200);
    await client.delete(key);
    await gone(key);
  }
}

async function putTree(root) {
  for (const name of ['a.txt', 'b/1.txt', 'b/2.txt', 'c/d/3.txt', 'e.txt']) await put(root + name, name);
}

async function pages(list) {
  const found = { keys: [], prefixes: [] };
  for (let page = await list(); ; page = await list(page)) {
    found.keys.push(...page.objects.map((each) => each.name));
    found.prefixes.push(...(page.prefixes ?? []));
    if (!page.isTruncated) return found;
  }
}

const listV1 = (query) =>
  pages((before) => client.list({ ...query, ...(before && { marker: before.nextMarker }) }));
const listV2 = (query) =>
  pages((before) =>
    client.listV2({ ...query, ...(before && { 'continuation-token': before.nextContinuationToken }) }),
  );

export async function list() {
  await putTree('list/');
  assert.deepEqual(await listV1({ prefix: 'list/', delimiter: '/', 'max-keys': 1 }), {
    keys: ['list/a.txt', 'list/e.txt'],
    prefixes: ['list/b/', 'list/c/'],
  });
  const { objects } = await client.list({ prefix: 'list/', marker: 'list/a.txt' });
  assert.deepEqual(
    objects.map((each) => each.name),
    ['list/b/1.txt', 'list/b/2.txt', 'list/c/d/3.txt', 'list/e.txt'],
  );
  const [first] = objects;
  assert.deepEqual([first.etag, first.size, first.type], [etagOf('b/1.txt'), 7, 'Normal']);
  assert.equal(first.storageClass, 'Standard');
  assert.ok(first.owner.id);
  assert.ok(Math.abs(Date.parse(first.lastModified) - Date.now()) < 10000);
}

export async function list_v2() {
  await putTree('list2/');
  const query = { prefix: 'list2/', delimiter: '/', 'max-keys': 1, 'fetch-owner': true };
  assert.deepEqual(await listV2(query), {
    keys: ['list2/a.txt', 'list2/e.txt'],
    prefixes: ['list2/b/', 'list2/c/'],
  });
  const { objects, keyCount } = await client.listV2({ prefix: 'list2/', 'start-after': 'list2/b/2.txt' });
  assert.deepEqual(
    objects.map((each) => each.name),
    ['list2/c/d/3.txt', 'list2/e.txt'],
  );
  assert.equal(keyCount, 2);
}

export async function list_awkward_keys() {
  for (const key of awkwardKeys) await put(`awkward/${key}`, '');
  const want = awkwardKeys.map((key) => Buffer.from(`awkward/${key}`)).sort(Buffer.compare).map(String);
  assert.deepEqual((await listV1({ prefix: 'awkward/', 'max-keys': 5 })).keys, want);
  assert.deepEqual((await listV2({ prefix: 'awkward/', 'max-keys': 5 })).keys, want);
}

export async function copy() {
  const source = 'copy/源 +?.txt';
  await put(source, 'content', { meta: { kept: 'yes' } });
  const copied = await client.copy('copy/same', source);
  assert.equal(copied.data.etag, etagOf('content'));
  assert.equal(await get('copy/same'), 'content');
  assert.deepEqual((await client.head('copy/same')).meta, { kept: 'yes' });
  await client.copy('copy/replaced', source, settings.bucket, { meta: { fresh: '1' } });
  assert.deepEqual((await client.head('copy/replaced')).meta, { fresh: '1' });
}

export async function append() {
  const first = await client.append('append.log', Buffer.from('one,'));
  assert.equal(first.nextAppendPosition, '4');
  const next = await client.append('append.log', Buffer.from('two'), { position: first.nextAppendPosition });
  assert.equal(next.nextAppendPosition, '7');
  assert.equal(await get('append.log'), 'one,two');
  assert.equal((await client.head('append.log')).res.headers['x-oss-object-type'], 'Appendable');
  const late = client.append('append.log', Buffer.from('x'), { position: '3' });
  await refused(late, 409, 'PositionNotEqualToLength');
}

const state = async (client, key) => (await client.head(key)).res.headers['x-oss-restore'];

export async function restore() {
  const name = `${settings.bucket}-archive`;
  const cold = newClient({ bucket: name });
  await cold.putBucket(name, { StorageClass: 'Archive' });
  assert.equal((await cold.getBucketInfo(name)).bucket.StorageClass, 'Archive');
  await cold.put('k', Buffer.from('cold'));
  assert.equal((await cold.head('k')).res.headers['x-oss-storage-class'], 'Archive');
  await refused(cold.get('k'), 403, 'InvalidObjectState');
  await refused(cold.restore('k', { type: 'ColdArchive' }), 400, 'MalformedXML');
  assert.equal((await cold.restore('k')).res.status, 202);
  await refused(cold.restore('k'), 409, 'RestoreAlreadyInProgress');
  const [listed] = (await cold.listV2()).objects;
  assert.deepEqual(listed.restoreInfo, { ongoingRequest: true });
  for (let turn = 0; turn < 100 && /true/.test(await state(cold, 'k')); turn++) await setTimeout(100);
  assert.match(await state(cold, 'k'), /^ongoing-request="false", expiry-date=".* GMT"$/);
  assert.equal((await cold.get('k')).content.toString(), 'cold');
  assert.ok((await cold.listV2()).objects[0].restoreInfo.expiryDate > new Date());
  await cold.delete('k');
  await cold.deleteBucket(name);
  const stored = (key, kind) => put(key, 'x', { headers: { 'x-oss-storage-class': kind } });
  await stored('restore/warm', 'IA');
  await refused(client.restore('restore/warm'), 400, 'OperationNotSupported');
  await stored('restore/colder', 'ColdArchive');
  const { res } = await client.restore('restore/colder', { type: 'ColdArchive', Days: 5, JobParameters: 'Bulk' });
  assert.equal(res.headers['x-oss-object-restore-priority'], 'Bulk');
}

export async function ranges() {
  await put('ranges', '0123456789');
  const read = async (range, headers = {}) => {
    const { res, content } = await client.get('ranges', { headers: { Range: range, ...headers } });
    return [res.status, content.toString()];
  };
  assert.deepEqual(await read('bytes=2-4'), [206, '234']);
  assert.deepEqual(await read('bytes=7-'), [206, '789']);
  assert.deepEqual(await read('bytes=-2'), [206, '89']);
  // A range that is not entirely inside the object is ignored, unless the client asks for the standard.
  assert.deepEqual(await read('bytes=8-20'), [200, '0123456789']);
  const standard = { 'x-oss-range-behavior': 'standard' };
  assert.deepEqual(await read('bytes=8-20', standard), [206, '89']);
  await refused(read('bytes=20-30', standard), 416, 'InvalidRange');
}

export async function conditions() {
  const { etag } = (await put('conditions', 'x')).res.headers;
  const past = new Date(Date.now() - 3600000).toUTCString();
  const read = async (name, value) => (await client.get('conditions', { headers: { [name]: value } })).res.status;
  assert.equal(await read('If-Match', etag), 200);
  assert.equal(await read('If-None-Match', '"other"'), 200);
  assert.equal(await read('If-Modified-Since', past), 200);
  assert.equal(await read('If-None-Match', etag), 304);
  await refused(read('If-Match', '"other"'), 412, 'PreconditionFailed');
  await refused(read('If-Unmodified-Since', past), 412, 'PreconditionFailed');
  const overwrite = put('conditions', 'y', { headers: { 'x-oss-forbid-overwrite': 'true' } });
  await refused(overwrite, 409, 'FileAlreadyExists');
}

export async function object_acl() {
  await put('acl', 'x');
  const url = bareUrl('acl');
  assert.equal((await client.getACL('acl')).acl, 'default');
  assert.equal((await fetchPlain('GET', url)).status, 403);
  await client.putACL('acl', 'public-read');
  assert.equal((await client.getACL('acl')).acl, 'public-read');
  assert.deepEqual(await fetchPlain('GET', url), { status: 200, text: 'x' });
}

export async function object_tags() {
  await put('tags', 'x', { headers: { 'x-oss-tagging': 'old=1' } });
  const tags = async () => (await client.getObjectTagging('tags')).tag;
  assert.deepEqual(await tags(), { old: '1' });
  const wanted = { 'key1=': 'value 1+', 'key2-': 'value2.', 'key3:/': '.' };
  await client.putObjectTagging('tags', wanted);
  assert.deepEqual(await tags(), wanted);
  assert.equal((await client.head('tags')).res.headers['x-oss-tagging-count'], '3');
  await client.deleteObjectTagging('tags');
  assert.deepEqual(await tags(), {});
  await refused(client.getObjectTagging('tags-missing'), 404, 'NoSuchKey');
}

export async function symlinks() {
  // It takes a slash off the beginning of names.
  for (const [number, target] of awkwardKeys.filter((key) => !key.startsWith('/')).entries()) {
    const link = `symlink-${number}`;
    await put(target, target);
    await client.putSymlink(link, target, { meta: { a: 'b' } });
    assert.equal((await client.getSymlink(link)).targetName, target);
    assert.equal((await client.get(link)).content.toString(), target);
    assert.equal((await client.head(link)).res.headers['x-oss-object-type'], 'Symlink');
  }
  await client.putSymlink('symlink-to-none', 'none');
  await refused(client.get('symlink-to-none'), 404, 'SymlinkTargetNotExist');
  await client.putSymlink('symlink-to-link', 'symlink-to-none');
  await refused(client.get('symlink-to-link'), 400, 'InvalidTargetType');
  await refused(client.getSymlink('symlink-missing'), 404, 'NoSuchKey');
}

export async function delete_many() {
  const keys = ['plain', 'missing', ...awkwardKeys].map((key) => `many/${key}`);
  for (const key of keys) if (key !== 'many/missing') await put(key, '');
  const { deleted } = await client.deleteMulti(keys);
  assert.deepEqual(
    deleted.map((each) => each.Key),
    keys,
  );
  assert.deepEqual((await client.list({ prefix: 'many/' })).objects, []);
  await put('many/quiet', '');
  assert.deepEqual((await client.deleteMulti(['many/quiet'], { quiet: true })).deleted, []);
}
