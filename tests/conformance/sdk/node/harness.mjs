// What every case uses: settings, clients, checks, reporting.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import OSS from 'ali-oss';

function read(name) {
  const value = process.env[`OSSIA_TEST_${name}`];
  if (value === undefined) throw new Error(`OSSIA_TEST_${name} is not set`);
  return value;
}

export const settings = {
  endpoint: read('ENDPOINT'),
  style: read('STYLE'),
  signature: read('SIGNATURE'),
  region: read('REGION'),
  id: read('ACCESS_KEY_ID'),
  secret: read('ACCESS_KEY_SECRET'),
  bucket: read('PREFIX'),
  inbox: read('INBOX'),
  scratch: read('SCRATCH'),
  roleArn: read('ROLE_ARN'),
  roleBucket: read('ROLE_BUCKET'),
  sts: {
    endpoint: `http://${read('STS_ENDPOINT')}`,
    accessKeyId: read('STS_ACCESS_KEY_ID'),
    accessKeySecret: read('STS_ACCESS_KEY_SECRET'),
  },
  shared: JSON.parse(readFileSync(read('SHARED'), 'utf8')),
};

// Every name is loopback, as a resolver that knows *.localhost would say.
const lookup = (name, options, done) =>
  options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);
const agent = new http.Agent({ keepAlive: true, lookup });

export function newClient(options = {}) {
  return new OSS({
    accessKeyId: settings.id,
    accessKeySecret: settings.secret,
    bucket: settings.bucket,
    endpoint: settings.endpoint,
    region: `oss-${settings.region}`,
    authorizationV4: settings.signature === 'v4',
    agent,
    timeout: 20000,
    ...options,
  });
}

export const client = newClient();

// ali-oss sends every URL through `new URL`, which resolves dot segments: such keys are out of its reach.
export const awkwardKeys = settings.shared.awkward_keys.filter((key) => !/(^|\/)\.\.?(\/|$)/.test(key));

export async function get(key, options) {
  return (await client.get(key, options)).content.toString();
}

// A URL that anybody may use, in whichever version the suite signs.
export async function presign(key, { with: by = client, method = 'GET', expires = 60, headers = {}, callback } = {}) {
  if (settings.signature === 'v4') {
    return by.signatureUrlV4(method, expires, { headers, queries: callback ? callbackQuery(callback) : {} }, key);
  }
  const options = { method, expires, ...headers };
  if (callback) options.callback = callback;
  return by.signatureUrl(key, options);
}

// ali-oss itself writes a callback into V1 URLs only.
function callbackQuery(callback) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64');
  const { url, body, contentType, customValue } = callback;
  const prefixed = Object.fromEntries(Object.entries(customValue).map(([name, value]) => [`x:${name}`, value]));
  return {
    callback: encode({ callbackUrl: url, callbackBody: body, callbackBodyType: contentType }),
    'callback-var': encode(prefixed),
  };
}

// Sends a request with a plain client, to the letter: `new URL` would tidy up the path.
export function fetchPlain(method, url, { headers = {}, body } = {}) {
  const [, hostname, port, path] = /^http:\/\/([^:/]+):(\d+)(\/.*)$/.exec(url);
  return new Promise((resolve, reject) => {
    const request = http.request({ hostname, port, path, method, headers, agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

export function bytes(size) {
  const content = Buffer.alloc(size);
  for (let index = 0, state = size; index < size; index += 1) {
    state = (state * 1103515245 + 12345) % 2147483648;
    content[index] = state >>> 16;
  }
  return content;
}

export function file(name, content) {
  const path = join(settings.scratch, name);
  writeFileSync(path, content);
  return path;
}

// The URL of a key for a client that signs nothing.
export function bareUrl(key) {
  const { host } = new URL(settings.endpoint);
  return settings.style === 'virtual' ? `http://${settings.bucket}.${host}/${key}` : `http://${host}/${settings.bucket}/${key}`;
}

export const etagOf = (content) => `"${createHash('md5').update(content).digest('hex').toUpperCase()}"`;

export async function refused(promise, status, code) {
  const error = await promise.then(
    () => assert.fail(`not refused; wanted ${status} ${code}`),
    (reason) => reason,
  );
  assert.deepEqual([error.status, error.code], [status, code], error.message);
  assert.equal(error.requestId.length, 24);
  return error;
}

export const gone = (key) => refused(client.head(key), 404, 'NoSuchKey');

export function callbackTo(path, contentType = 'application/json') {
  const { json, form, variables } = settings.shared.callback;
  const body = contentType === 'application/json' ? json : form;
  return { url: settings.inbox + path, body, contentType, customValue: { ...variables } };
}

// Compares the application server's answer with what it should have received.
export function equalEcho(echo, contentType, told) {
  assert.deepEqual(echo, {
    Status: 'OK',
    target: '/echo?from=sdk',
    type: contentType,
    values: { ...told, ...settings.shared.callback.variables },
  });
}

// Runs every function whose name is a case; helpers have camelCase names.
export async function report(...modules) {
  const cases = modules.flatMap((module) => Object.entries(module)).filter(([name]) => name === name.toLowerCase());
  for (const [name, run] of cases) {
    let detail = '';
    try {
      await run();
    } catch (error) {
      const places = (error.stack ?? '').split('\n').filter((line) => /\.mjs:\d/.test(line));
      detail = [`${error.code ?? error.name}: ${error.message}`, ...places.slice(0, 4)].join('\n');
    }
    console.log(JSON.stringify({ case: name, ok: detail === '', detail }));
  }
  agent.destroy();
}
