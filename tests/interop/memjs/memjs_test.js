// memjs: pipelined, dispatches on opaque, FLUSH without extras, STAT ends at a total length of 0, QUIT.

'use strict';

const fs = require('fs');
const memjs = require('memjs');

const env = process.env;
const LIMIT = Number(env.INTEROP_ITEM_LIMIT);
const TOO_BIG = Number(env.INTEROP_TOO_BIG);
const quietLogger = { log() {} };

function client(user = env.MEMCACHE_USERNAME, password = env.MEMCACHE_PASSWORD) {
  return memjs.Client.create(env.MEMCACHE_SERVERS, {
    username: user, password, timeout: 5, retries: 2, retry_delay: 0.05, logger: quietLogger });
}

async function check(name, body) {
  try {
    await body();
    console.log(`ok ${name}`);
  } catch (error) {
    const place = /_test\.js:(\d+)/.exec((error && error.stack) || '');
    console.log(`not ok ${name}: line ${place && place[1]}: ${error && error.message ? error.message : error}`.replace(/\n/g, ' '));
  }
}

const short = (value) => String(Buffer.isBuffer(value) ? value.toString('latin1') : JSON.stringify(value)).slice(0, 100);

function same(got, expected) {
  const equal = Buffer.isBuffer(got) ? got.equals(Buffer.from(expected === null ? '' : expected))
    : JSON.stringify(got) === JSON.stringify(expected);
  if (!equal || (got === null) !== (expected === null)) throw new Error(`got ${short(got)}, expected ${short(expected)}`);
}

async function refused(promise) {
  let result;
  try {
    result = await promise;
  } catch (error) {
    return String(error && error.message ? error.message : error);
  }
  throw new Error(`no refusal: ${short(result)}`);
}

async function eventually(what, condition) {
  const deadline = Date.now() + 5000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within 5 s: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

function filler(size) {
  const bytes = Buffer.alloc(size, Buffer.from(Array.from({ length: 251 }, (_, i) => i)));
  bytes.write(`${size}:`);
  return bytes;
}

const value = async (mc, key) => (await mc.get(key)).value;
const stats = (mc, key) => new Promise((done, fail) => {
  mc.statsWithKey(key, (error, _server, figures) => (error ? fail(error) : done(figures)));
});

async function signingIn() {
  await check('wrong_password', async () => {
    for (const wrong of [`${env.MEMCACHE_PASSWORD}x`, env.MEMCACHE_OTHER_PASSWORD]) {
      const mc = client(env.MEMCACHE_USERNAME, wrong);
      const why = await refused(mc.set('k', 'v', {}));
      if (!why.includes('authentication failed')) throw new Error(why);
      mc.close();
    }
  });
  await check('unknown_user', async () => {
    const mc = client(`nobody-${env.MEMCACHE_USERNAME}`);
    const why = await refused(mc.get('k'));
    if (!why.includes('authentication failed')) throw new Error(why);
    mc.close();
  });
}

async function readsAndWrites(mc) {
  await check('set_and_get', async () => {
    for (const text of ['value', 'raw\0\r\n', '', 'snow \u2603', 'z'.repeat(100000)]) {
      same(await mc.set('k', text, {}), true);
      same(await value(mc, 'k'), text);
    }
  });
  await check('miss', async () => same(await value(mc, 'absent'), null));
  await check('pipelined_100_keys', async () => {
    const keys = Array.from({ length: 100 }, (_, i) => `multi:${i}`);
    await Promise.all(keys.map((key, i) => mc.set(key, `value ${i} `.repeat(i + 1), {})));
    const found = await Promise.all(keys.map((key) => value(mc, key)));
    found.forEach((each, i) => same(each, `value ${i} `.repeat(i + 1)));
    const mixed = await Promise.all(keys.flatMap((key) => [mc.delete(key), mc.get(key), mc.add(key, 'again', {})]));
    mixed.forEach((each, i) => same(i % 3 === 1 ? each.value : each, i % 3 === 1 ? null : true));
  });
  await check('add_and_replace', async () => {
    same([await mc.add('added', '1', {}), await mc.add('added', '2', {})], [true, false]);
    same(await value(mc, 'added'), '1');
    same([await mc.replace('absent', '1', {}), await mc.replace('added', '3', {})], [false, true]);
    same(await value(mc, 'added'), '3');
  });
  await check('append', async () => {
    await mc.set('grows', 'a', {});
    same(await mc.append('grows', 'b'), true);
    same(await mc.prepend('grows', 'c'), true); // this library's prepend appends
    same(await value(mc, 'grows'), 'abc');
    await refused(mc.append('absent', 'x'));
  });
  await check('incr_and_decr', async () => {
    same(await mc.increment('n', 2, { initial: 40 }), { success: true, value: 40 });
    same(await mc.increment('n', 2, {}), { success: true, value: 42 });
    same(await mc.decrement('n', 40, {}), { success: true, value: 2 });
    same(await mc.decrement('n', 5, {}), { success: true, value: 0 });
    same(await mc.decrement('down', 5, { initial: 7 }), { success: true, value: 7 });
    await mc.set('text', 'abc', {});
    await refused(mc.increment('text', 1, {}));
  });
  await check('delete', async () => {
    await mc.set('deleted', '1', {});
    same([await mc.delete('deleted'), await mc.delete('deleted')], [true, false]);
    same(await value(mc, 'deleted'), null);
  });
}

async function aboutTheServer(mc) {
  await check('stats', async () => {
    const figures = await stats(mc, '');
    for (const name of ['cmd_get', 'cmd_set', 'get_hits', 'get_misses', 'curr_connections', 'version']) {
      if (!(name in figures)) throw new Error(`no ${name} in ${Object.keys(figures)}`);
    }
  });
  await check('reset_stats', async () => {
    // The reply has no key and no end behind it: this library calls back once.
    await new Promise((done, fail) => mc.resetStats((error) => (error ? fail(error) : done())));
  });
  await check('quit_and_again', async () => {
    await mc.set('stays', 'here', {});
    const socket = mc.servers[0]._socket;
    const closed = new Promise((done) => socket.once('close', done));
    mc.quit();
    await closed;
    same(await value(mc, 'stays'), 'here');
  });
}

async function keysAndSizes(mc) {
  await check('unicode_and_binary_keys', async () => {
    const keys = ['schlüssel', '\u9375', 'with space', 'nul\0nul', 'line\nfeed', Buffer.from([0xff, 0xfe, 0x80, 0, 10])];
    for (const key of keys) {
      await mc.set(key, 'value', {});
      same(await value(mc, key), 'value');
    }
  });
  await check('keys_of_250_bytes', async () => {
    await mc.set('k'.repeat(250), 'long', {});
    await mc.set('k'.repeat(249), 'shorter', {});
    same(await value(mc, 'k'.repeat(250)), 'long');
    same(await value(mc, 'k'.repeat(249)), 'shorter');
  });
  if (env.INTEROP_SERVER === 'stock') {
    console.log('skip long_keys: a stock memcached takes no key over 250 bytes');
  } else {
    await check('long_keys', async () => {
      for (const size of [251, 1000, 60000]) {
        await mc.set('l'.repeat(size), `of ${size}`, {});
        same(await value(mc, 'l'.repeat(size)), `of ${size}`);
      }
    });
  }
  await check('biggest_value', async () => {
    const big = filler(LIMIT - 3);
    same(await mc.set('big', big, {}), true);
    same(await value(mc, 'big'), big);
  });
  await check('too_big', async () => {
    await mc.set('big', 'old', {});
    await refused(mc.set('big', filler(TOO_BIG - 3), {}));
    same(await value(mc, 'big'), null);
  });
  await check('append_too_big', async () => {
    await mc.set('grown', 'old', {});
    await refused(mc.append('grown', filler(TOO_BIG - 8)));
    same(await value(mc, 'grown'), 'old');
  });
}

async function basic() {
  await signingIn();
  const mc = client();
  await check('flush', async () => {
    await mc.set('flushed', '1', {});
    same(Object.values(await mc.flush()), [true]);
    same(await value(mc, 'flushed'), null);
    await mc.set('flushed', '2', {});
    same(await value(mc, 'flushed'), '2');
  });
  await Promise.all([mc.set('expires', 'soon', { expires: 2 }), mc.set('touched', 'soon', { expires: 3600 }),
    mc.set('lasts', 'long', { expires: 3600 })]);
  await check('touch', async () => {
    same([await mc.touch('touched', 2), await mc.touch('absent', 2)], [true, false]);
    same(await value(mc, 'touched'), 'soon');
  });
  await readsAndWrites(mc);
  await aboutTheServer(mc);
  await keysAndSizes(mc);
  await check('expiry', async () => {
    for (const key of ['expires', 'touched']) {
      await eventually(`${key} expires`, async () => (await value(mc, key)) === null);
    }
    same(await value(mc, 'lasts'), 'long');
  });
  mc.quit();
}

async function isolation() {
  const mine = client();
  const theirs = client(env.MEMCACHE_OTHER_USERNAME, env.MEMCACHE_OTHER_PASSWORD);
  await check('equal_keys', async () => {
    const keys = Array.from({ length: 100 }, (_, i) => `same:${i}`);
    await Promise.all(keys.flatMap((key) => [mine.set(key, `mine ${key}`, {}), theirs.set(key, `theirs ${key}`, {})]));
    for (const key of keys) {
      same(await value(mine, key), `mine ${key}`);
      await mine.delete(key);
      same(await value(theirs, key), `theirs ${key}`);
    }
  });
  await check('hostile_keys', async () => {
    const keys = fs.readFileSync(env.INTEROP_HOSTILE_KEYS, 'ascii').split('\n').filter(Boolean).map((line) => Buffer.from(line, 'hex'));
    for (const key of keys) {
      same(await value(mine, key), null);
      await mine.set(key, Buffer.concat([Buffer.from('mine '), key]), {});
      same(await value(theirs, key), null);
      await theirs.set(key, 'theirs', {});
      same(await value(mine, key), Buffer.concat([Buffer.from('mine '), key]));
      await mine.delete(key);
      same(await value(theirs, key), 'theirs');
      await theirs.delete(key);
    }
    same(await value(theirs, 'secret'), 'of the other tenant');
  });
  await check('flush_is_mine_alone', async () => {
    await mine.set('x', '1', {});
    await mine.flush();
    same(await value(mine, 'x'), null);
    same(await value(theirs, 'same:7'), 'theirs same:7');
    same(await value(theirs, 'secret'), 'of the other tenant');
  });
  mine.quit();
  theirs.quit();
}

(process.argv[2] === 'isolation' ? isolation() : basic()).catch((error) => {
  console.log(error);
  process.exit(1);
});
