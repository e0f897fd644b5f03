<?php
// PHP's memcached extension with OPT_BINARY_PROTOCOL: GETKQ + NOOP even for one key, REPLACE for cas, QUIT at the end.

$phase = $argv[1] ?? 'basic';
$user = getenv('MEMCACHE_USERNAME');
$password = getenv('MEMCACHE_PASSWORD');
$other = [getenv('MEMCACHE_OTHER_USERNAME'), getenv('MEMCACHE_OTHER_PASSWORD')];
$limit = (int)getenv('INTEROP_ITEM_LIMIT');
$tooBig = (int)getenv('INTEROP_TOO_BIG');

function client(string $user, string $password, array $options = []): Memcached {
    $mc = new Memcached();
    $mc->setOptions([Memcached::OPT_BINARY_PROTOCOL => true, Memcached::OPT_COMPRESSION => false,
                     Memcached::OPT_TCP_NODELAY => true] + $options);
    $mc->setSaslAuthData($user, $password);
    [$host, $port] = explode(':', getenv('MEMCACHE_SERVERS'));
    $mc->addServer($host, (int)$port);
    return $mc;
}

function check(string $name, callable $body): void {
    try {
        $body();
        echo "ok $name\n";
    } catch (Throwable $e) {
        echo "not ok $name: line {$e->getLine()}: ", str_replace("\n", ' ', substr($e->getMessage(), 0, 400)), "\n";
    }
}

function same($got, $expected, string $of = ''): void {
    if ($got !== $expected) {
        throw new Exception(trim("$of got ") . substr(var_export($got, true), 0, 120) . ', expected ' .
                            substr(var_export($expected, true), 0, 120));
    }
}

// The result code of the last call, in the extension's own words too.
function result(Memcached $mc, int ...$allowed): void {
    if (!in_array($mc->getResultCode(), $allowed, true)) {
        throw new Exception("result {$mc->getResultCode()}: {$mc->getResultMessage()}");
    }
}

function missing(Memcached $mc, string $key): void {
    same($mc->get($key), false);
    result($mc, Memcached::RES_NOTFOUND);
}

function eventually(string $what, callable $condition): void {
    $deadline = microtime(true) + 5;
    while (!$condition()) {
        if (microtime(true) > $deadline) {
            throw new Exception("not within 5 s: $what");
        }
        usleep(50000);
    }
}

function filler(int $size): string {
    $bytes = implode('', array_map('chr', range(0, 255)));
    return substr("$size:" . str_repeat($bytes, intdiv($size, 256) + 1), 0, $size);
}

function basic(string $user, string $password, array $other, int $limit, int $tooBig): void {
    $mc = client($user, $password);

    if (getenv('INTEROP_SERVER') !== 'stock') {
        check('a_credential_that_may_only_read', function () use ($user, $password, $mc) {
            $mc->set('read only', 'x');
            $reader = client($user . '-reader', $password);
            same($reader->get('read only'), 'x');
            foreach (['set', 'add', 'replace', 'append', 'prepend'] as $store) {
                same($reader->$store('read only', 'y'), false, $store);
                result($reader, Memcached::RES_NOTSTORED);
            }
            foreach (['delete', 'increment', 'decrement'] as $change) {
                same($reader->$change('read only'), false, $change);
                result($reader, Memcached::RES_NOTFOUND);
            }
            same($reader->touch('read only', 1), false);
            result($reader, Memcached::RES_NOTFOUND);
            $reader->flush();
            same($reader->get('read only'), 'x');
        });
    }
    check('wrong_password', function () use ($user, $password, $other) {
        foreach ([$password . 'x', $other[1]] as $wrong) {
            $refused = client($user, $wrong);
            same($refused->set('k', 'v'), false);
            result($refused, Memcached::RES_AUTH_FAILURE, Memcached::RES_AUTH_PROBLEM);
            same($refused->get('k'), false);
            result($refused, Memcached::RES_AUTH_FAILURE, Memcached::RES_SERVER_TEMPORARILY_DISABLED);
        }
    });
    check('unknown_user', function () use ($user, $password) {
        $refused = client("nobody-$user", $password);
        same($refused->set('k', 'v'), false);
        result($refused, Memcached::RES_AUTH_FAILURE, Memcached::RES_AUTH_PROBLEM);
    });
    check('set_and_get', function () use ($mc, $user, $password) {
        foreach (['value', "raw\0\r\n", 17, 1.5, true, null, ['a' => [1, 2]], '', "snow \u{2603}"] as $value) {
            same($mc->set('k', $value), true);
            same($mc->get('k'), $value);
        }
        $packed = client($user, $password, [Memcached::OPT_COMPRESSION => true]);
        $packed->set('packed', str_repeat('z', 100000));
        same($packed->get('packed'), str_repeat('z', 100000));
    });
    check('miss', function () use ($mc) {
        missing($mc, 'absent');
        same($mc->getMulti(['absent', 'absent2']), []);
        same($mc->get('through', fn ($_, $key, &$value) => ($value = "made $key") !== ''), 'made through');
    });
    check('multi_get', function () use ($mc) {
        $values = [];
        for ($i = 0; $i < 100; ++$i) {
            $values["multi:$i"] = str_repeat("value $i", $i + 1);
        }
        same($mc->setMulti($values), true);
        same($mc->getMulti(array_merge(['absent'], array_keys($values)), Memcached::GET_PRESERVE_ORDER),
             ['absent' => null] + $values);
        same($mc->getDelayed(array_keys($values), true), true);
        same(count($mc->fetchAll()), 100);
        same(array_unique(array_values($mc->deleteMulti(array_keys($values)))), [true]);
        same($mc->getMulti(array_keys($values)), []);
    });
    check('flush', function () use ($mc) {
        $mc->set('flushed', 1);
        same($mc->flush(), true);
        missing($mc, 'flushed');
        $mc->set('flushed', 2);
        same($mc->get('flushed'), 2);
    });

    $mc->set('expires', 'soon', 2);
    $mc->set('touched', 'soon', 3600);
    $mc->set('stays', 'long', 3600);
    $mc->increment('counts', 1, 5, 2);

    check('touch', function () use ($mc) {
        same($mc->touch('touched', 2), true);
        same($mc->get('touched'), 'soon');
        same($mc->touch('absent', 2), false);
        result($mc, Memcached::RES_NOTFOUND);
    });
    check('add_and_replace', function () use ($mc) {
        same([$mc->add('added', 1), $mc->add('added', 2), $mc->get('added')], [true, false, 1]);
        same([$mc->replace('absent', 1), $mc->replace('added', 3), $mc->get('added')], [false, true, 3]);
    });
    check('cas', function () use ($mc) {
        $mc->set('cas', 1);
        $got = $mc->get('cas', null, Memcached::GET_EXTENDED);
        same($mc->cas($got['cas'], 'cas', 2), true);
        same($mc->cas($got['cas'], 'cas', 3), false);
        result($mc, Memcached::RES_DATA_EXISTS);
        same($mc->cas($got['cas'], 'absent', 3), false);
        result($mc, Memcached::RES_NOTFOUND);
        same($mc->get('cas'), 2);
    });
    check('append_and_prepend', function () use ($mc) {
        $mc->set('grows', 'b');
        same([$mc->append('grows', 'c'), $mc->prepend('grows', 'a'), $mc->get('grows')], [true, true, 'abc']);
        same([$mc->append('absent', 'c'), $mc->prepend('absent', 'c')], [false, false]);
        result($mc, Memcached::RES_NOTSTORED);
    });
    check('incr_and_decr', function () use ($mc) {
        same([$mc->increment('n', 1, 40), $mc->increment('n', 2), $mc->decrement('n', 40), $mc->decrement('n', 5)],
             [40, 42, 2, 0]);
        same($mc->increment('absent'), false);
        result($mc, Memcached::RES_NOTFOUND);
        $mc->set('text', 'abc');
        same($mc->increment('text'), false);
        same($mc->get('text'), 'abc');
    });
    check('delete', function () use ($mc) {
        $mc->set('deleted', 1);
        same([$mc->delete('deleted'), $mc->delete('deleted')], [true, false]);
        missing($mc, 'deleted');
    });
    check('noreply', function () use ($mc, $user, $password) {
        $quiet = client($user, $password, [Memcached::OPT_NOREPLY => true]);
        for ($i = 0; $i < 50; ++$i) {
            $quiet->set("quiet:$i", $i);
        }
        $quiet->delete('quiet:0');
        same($quiet->get('quiet:49'), 49);
        missing($mc, 'quiet:0');
        same(count($mc->getMulti(array_map(fn ($i) => "quiet:$i", range(0, 49)))), 49);
    });
    check('buffered', function () use ($mc, $user, $password) {
        $buffered = client($user, $password, [Memcached::OPT_BUFFER_WRITES => true]);
        for ($i = 0; $i < 300; ++$i) {
            $buffered->set("buffered:$i", $i);
        }
        same($buffered->flushBuffers(), true);
        same($buffered->get('buffered:299'), 299);  // only now are all of them answered
        same(count($mc->getMulti(array_map(fn ($i) => "buffered:$i", range(0, 299)))), 300);
    });
    check('stats_and_version', function () use ($mc) {
        $figures = current($mc->getStats());
        foreach (['cmd_get', 'cmd_set', 'get_hits', 'get_misses', 'curr_connections', 'version'] as $name) {
            same(array_key_exists($name, $figures), true, $name);
        }
        same(preg_match('/^\d+\.\d+/', current($mc->getVersion())), 1);
    });
    check('unicode_and_binary_keys', function () use ($mc) {
        foreach (['schlüssel', "\u{9375}", 'with space', "nul\0nul", "\xff\xfe\x80"] as $key) {
            same($mc->set($key, "value of $key"), true, $key);
            same($mc->get($key), "value of $key");
            same($mc->getMulti([$key]), [$key => "value of $key"]);
        }
    });
    check('keys_of_250_bytes', function () use ($mc) {
        $mc->set(str_repeat('k', 250), 'long');
        $mc->set(str_repeat('k', 249), 'shorter');
        same([$mc->get(str_repeat('k', 250)), $mc->get(str_repeat('k', 249))], ['long', 'shorter']);
    });
    check('biggest_value', function () use ($mc, $limit) {
        $value = filler($limit - 3);
        same($mc->set('big', $value), true);
        same($mc->get('big') === $value, true);
    });
    check('too_big', function () use ($mc, $tooBig) {
        $mc->set('big', 'old');
        same($mc->set('big', filler($tooBig - 3)), false);
        result($mc, Memcached::RES_E2BIG);
        missing($mc, 'big');
    });
    check('append_too_big', function () use ($mc, $tooBig) {
        $mc->set('grown', 'old');
        same($mc->append('grown', filler($tooBig - 8)), false);
        same($mc->get('grown'), 'old');
        same($mc->prepend('grown', filler($tooBig - 8)), false);
        same($mc->get('grown'), 'old');
    });
    check('quit_and_again', function () use ($mc) {
        same($mc->quit(), true);
        same($mc->get('stays'), 'long');
    });
    check('expiry', function () use ($mc) {
        foreach (['expires', 'touched', 'counts'] as $key) {
            eventually("$key expires", fn () => $mc->get($key) === false);
        }
        same($mc->get('stays'), 'long');
    });
}

function isolation(Memcached $mine, Memcached $theirs): void {
    check('equal_keys', function () use ($mine, $theirs) {
        $keys = array_map(fn ($i) => "same:$i", range(0, 99));
        foreach ($keys as $key) {
            $mine->set($key, "mine $key");
            $theirs->set($key, "theirs $key");
        }
        same($mine->getMulti($keys), array_combine($keys, array_map(fn ($key) => "mine $key", $keys)));
        $mine->deleteMulti($keys);
        same($theirs->getMulti($keys), array_combine($keys, array_map(fn ($key) => "theirs $key", $keys)));
    });
    check('hostile_keys', function () use ($mine, $theirs) {
        $tried = 0;
        foreach (file(getenv('INTEROP_HOSTILE_KEYS'), FILE_IGNORE_NEW_LINES) as $line) {
            $key = hex2bin($line);
            if (!$mine->set($key, 'probe') && $mine->getResultCode() === Memcached::RES_BAD_KEY_PROVIDED) {
                continue;  // the extension itself refuses this key
            }
            ++$tried;
            missing($theirs, $key);
            same($mine->set($key, "mine $key"), true);
            same($theirs->set($key, 'theirs'), true);
            same($mine->get($key), "mine $key");
            $mine->delete($key);
            same($theirs->get($key), 'theirs');
            $theirs->delete($key);
        }
        same($tried > 15, true, "$tried keys tried:");
        same($theirs->get('secret'), 'of the other tenant');
    });
    check('flush_is_mine_alone', function () use ($mine, $theirs) {
        $mine->set('x', 1);
        $mine->flush();
        missing($mine, 'x');
        same($theirs->get('same:7'), 'theirs same:7');
        same($theirs->get('secret'), 'of the other tenant');
    });
}

$phase === 'isolation' ? isolation(client($user, $password), client(...$other))
                       : basic($user, $password, $other, $limit, $tooBig);
