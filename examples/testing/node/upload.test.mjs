import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startOssia } from './ossia.mjs';

let ossia;
before(async () => {
  ossia = await startOssia();
});
after(() => ossia.stop());

test('the application hears of an upload', async () => {
  const client = await ossia.freshBucket();
  const callback = {
    url: ossia.inboxUrl,
    body: '{"object":${object},"size":${size}}',
    contentType: 'application/json',
  };
  const stored = await client.put('a.txt', Buffer.from('hello'), { callback });
  assert.deepEqual(stored.data, { Status: 'OK' });
  assert.deepEqual(JSON.parse(await ossia.nextCallback()), { object: 'a.txt', size: 5 });
  assert.equal((await client.get('a.txt')).content.toString(), 'hello');
});
