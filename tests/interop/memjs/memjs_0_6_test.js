// memjs 0.6: the old release. Refused, it repeats its sign-in on the same connection for ever, so the server must end it.

'use strict';

const memjs = require('memjs-0.6');

const env = process.env;
const quietLogger = { log() {} };

// With `counts`, every AUTH that this client sends is counted there.
function client(password, counts) {
  const mc = memjs.Client.create(env.MEMCACHE_SERVERS, {
    username: env.MEMCACHE_USERNAME, password, timeout: 5, logger: quietLogger });
  if (counts) {
    const [server] = mc.servers;
    const saslAuth = server.saslAuth;
    server.saslAuth = function counted() {
      counts.auths += 1;
      saslAuth.call(this);
    };
  }
  return mc;
}

const call = (mc, method, ...rest) => new Promise((done, fail) => {
  const timer = setTimeout(() => fail(new Error(`${method}: no answer within 5 s`)), 5000);
  mc[method](...rest, (error, result) => {
    clearTimeout(timer);
    if (error) fail(error); else done(result);
  });
});

function same(got, expected) {
  const text = got === null ? null : String(got);
  if (text !== expected) throw new Error(`got ${text}, expected ${expected}`);
}

async function check(name, body) {
  try {
    await body();
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`not ok ${name}: ${error && error.message ? error.message : error}`.replace(/\n/g, ' '));
  }
}

async function main() {
  const mc = client(env.MEMCACHE_PASSWORD);
  await check('set_and_get', async () => {
    // Another request before the sign-in is over would overtake it in this release.
    same(await call(mc, 'set', 'k', 'value'), 'true');
    same(await call(mc, 'get', 'k'), 'value');
    same(await call(mc, 'get', 'absent'), null);
  });
  await check('pipelined_100_keys', async () => {
    const keys = Array.from({ length: 100 }, (_, i) => `multi:${i}`);
    await Promise.all(keys.map((key) => call(mc, 'set', key, `value of ${key}`)));
    const values = await Promise.all(keys.map((key) => call(mc, 'get', key)));
    values.forEach((value, i) => same(value, `value of multi:${i}`));
  });
  await check('add_replace_delete', async () => {
    same(await call(mc, 'add', 'added', '1'), 'true');
    same(await call(mc, 'add', 'added', '2'), 'false');
    same(await call(mc, 'replace', 'absent', '2'), 'false');
    same(await call(mc, 'replace', 'added', '3'), 'true');
    same(await call(mc, 'delete', 'added'), 'true');
    same(await call(mc, 'delete', 'added'), 'false');
  });
  await check('flush', async () => {
    same(await call(mc, 'flush'), 'true');
    same(await call(mc, 'get', 'k'), null);
  });
  await check('stats', async () => {
    await new Promise((done, fail) => mc.stats((error, _server, figures) => (
      error || !('cmd_get' in figures) ? fail(new Error(`${error} ${figures}`)) : done())));
  });
  mc.close();

  if (env.INTEROP_SERVER === 'stock') {
    console.log('skip wrong_password_is_ended: a stock memcached lets it go on for ever');
    process.exit(0);
  }
  await check('wrong_password_is_ended', async () => {
    const counts = { auths: 0 };
    const wrong = client(`${env.MEMCACHE_PASSWORD}x`, counts);
    const server = wrong.servers[0];
    wrong.get('k', () => {});
    const closed = new Promise((done, fail) => {
      server._socket.once('close', done);
      setTimeout(() => fail(new Error(`not closed within 6 s, after ${counts.auths} sign-ins`)), 6000);
    });
    await closed;
    if (counts.auths < 1 || counts.auths > 20) throw new Error(`${counts.auths} sign-ins`);
  });
  process.exit(0);
}

main();
