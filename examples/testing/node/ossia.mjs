// A server in memory and an inbox for callbacks:
//   const ossia = await startOssia();
//   after(() => ossia.stop());
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import OSS from 'ali-oss';

const random = () => randomBytes(10).toString('hex');

export async function startOssia() {
  const accessKeyId = `LTAI${random()}`;
  const accessKeySecret = random();
  const flags = ['serve', '--json', '--listen', '127.0.0.1:0', '--metadata', 'memory', '--blobs', 'memory'];
  const server = spawn('ossia', flags, {
    env: { ...process.env, OSSIA_ROOT_ACCESS_KEY_ID: accessKeyId, OSSIA_ROOT_ACCESS_KEY_SECRET: accessKeySecret },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = () => server.kill();
  process.once('exit', kill);
  const ready = await firstLine(server);
  const inbox = await startInbox();

  return {
    endpoint: ready.endpoint,
    region: ready.region,
    accessKeyId,
    accessKeySecret,
    inboxUrl: inbox.url,
    nextCallback: inbox.next,

    /** The official SDK at a bucket that was not there before. */
    async freshBucket() {
      const client = new OSS({ endpoint: ready.endpoint, accessKeyId, accessKeySecret });
      const name = `test-${random()}`;
      await client.putBucket(name);
      client.useBucket(name);
      return client;
    },

    async stop() {
      inbox.close();
      process.off('exit', kill);
      if (kill()) await once(server, 'exit');
    },
  };
}

async function firstLine(server) {
  const lines = createInterface({ input: server.stdout });
  const failed = once(server, 'exit').then(() => {
    throw new Error('ossia did not start: what it says is above');
  });
  const [line] = await Promise.race([once(lines, 'line'), failed]);
  failed.catch(() => {}); // it will exit one day
  return JSON.parse(line);
}

async function startInbox() {
  const received = [];
  const waiting = [];
  const server = createServer(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const body = Buffer.concat(pieces).toString();
    const first = waiting.shift();
    if (first) first(body);
    else received.push(body);
    response.setHeader('Content-Type', 'application/json');
    response.end('{"Status":"OK"}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}/callback`;

  /** The body of the next callback. */
  const next = () =>
    new Promise((resolve, reject) => {
      if (received.length) return resolve(received.shift());
      const complain = () =>
        reject(new Error(`no callback arrived at ${url}: was anything uploaded, and with a callback to this URL?`));
      const timer = setTimeout(complain, 5000);
      return waiting.push((body) => {
        clearTimeout(timer);
        resolve(body);
      });
    });
  return { url, next, close: () => server.close() };
}
