<?php
// PHP's memcached extension in text mode: one set signs a client in, since it has one connection a server and keeps it.

$user = getenv('MEMCACHE_USERNAME');
$password = getenv('MEMCACHE_PASSWORD');
$limit = (int)getenv('INTEROP_ITEM_LIMIT');
$tooBig = (int)getenv('INTEROP_TOO_BIG');

function client(string $user, string $password, array $options = []): Memcached {
    $mc = new Memcached();
    $mc->setOptions([Memcached::OPT_BINARY_PROTOCOL => false, Memcached::OPT_COMPRESSION => false, Memcached::OPT_TCP_NODELAY => true]
                    + $options);
    [$host, $port] = explode(':', getenv('MEMCACHE_SERVERS'));
    $mc->addServer($host, (int)$port);
    $mc->set('auth', "$user $password");
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

function same($got, $expected): void {
    if ($got !== $expected) {
        throw new Exception('got ' . substr(var_export($got, true), 0, 120) . ', expected ' . substr(var_export($expected, true), 0, 120));
    }
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

$mc = client($user, $password);

check('wrong_password', function () use ($user, $password) {
    $refused = client($user, $password . 'x');
    same($refused->getResultCode() !== Memcached::RES_SUCCESS, true);
    same($refused->get('k'), false);
});
check('set_and_get', function () use ($mc) {
    foreach (['value', "raw\0\r\n", 17, 1.5, true, null, ['a' => [1, 2]], '', "END\r\n"] as $value) {
        same($mc->set('k', $value), true);
        same($mc->get('k'), $value);
    }
});
check('multi_get', function () use ($mc) {
    $values = [];
    for ($i = 0; $i < 100; ++$i) {
        $values["multi:$i"] = str_repeat("value $i", $i + 1);
    }
    same($mc->setMulti($values), true);
    same($mc->getMulti(array_merge(['absent'], array_keys($values)), Memcached::GET_PRESERVE_ORDER), ['absent' => null] + $values);
    same($mc->getDelayed(array_keys($values), true), true);
    same(count($mc->fetchAll()), 100);
});
check('flush', function () use ($mc) {
    $mc->set('flushed', 1);
    same([$mc->flush(), $mc->get('flushed')], [true, false]);
});
$mc->set('expires', 'soon', 2);
$mc->set('touched', 'soon');
$mc->set('stays', 'long', 3600);
check('touch', fn () => same([$mc->touch('touched', 2), $mc->touch('absent', 2)], [true, false]));
check('add_and_replace', function () use ($mc) {
    same([$mc->add('added', 1), $mc->add('added', 2), $mc->get('added')], [true, false, 1]);
    same([$mc->replace('absent', 1), $mc->replace('added', 3), $mc->get('added')], [false, true, 3]);
});
check('cas', function () use ($mc) {
    $mc->set('cas', 1);
    $got = $mc->get('cas', null, Memcached::GET_EXTENDED);
    same([$mc->cas($got['cas'], 'cas', 2), $mc->cas($got['cas'], 'cas', 3), $mc->get('cas')], [true, false, 2]);
    same($mc->cas($got['cas'], 'absent', 3), false);
});
check('append_and_prepend', function () use ($mc) {
    $mc->set('grows', 'b');
    same([$mc->append('grows', 'c'), $mc->prepend('grows', 'a'), $mc->get('grows'), $mc->append('absent', 'c')], [true, true, 'abc', false]);
});
check('incr_and_decr', function () use ($mc) {
    $mc->set('n', 40);
    same([$mc->increment('n', 2), $mc->decrement('n', 40), $mc->decrement('n', 5), $mc->increment('absent')], [42, 2, 0, false]);
});
check('delete', function () use ($mc) {
    $mc->set('deleted', 1);
    same([$mc->delete('deleted'), $mc->delete('deleted'), $mc->get('deleted')], [true, false, false]);
});
check('noreply', function () use ($mc, $user, $password) {
    $quiet = client($user, $password);
    $quiet->setOption(Memcached::OPT_NOREPLY, true);
    for ($i = 0; $i < 50; ++$i) {
        $quiet->set("quiet:$i", $i);
    }
    $quiet->delete('quiet:0');
    same([$quiet->get('quiet:49'), $quiet->get('quiet:0')], [49, false]);
});
check('stats_and_version', function () use ($mc) {
    $figures = current($mc->getStats());
    foreach (['cmd_get', 'cmd_set', 'get_hits', 'get_misses', 'curr_connections', 'version'] as $name) {
        same(array_key_exists($name, $figures), true);
    }
});
check('biggest_value', function () use ($mc, $limit) {
    $value = str_repeat('b', $limit - 3);
    same([$mc->set('big', $value), $mc->get('big') === $value], [true, true]);
});
check('too_big', function () use ($mc, $user, $password, $tooBig) {
    $mc->set('big', 'old');
    same($mc->set('big', str_repeat('b', $tooBig - 3)), false);
    same(client($user, $password)->get('big'), false);
});
check('expiry', function () use ($user, $password) {
    $fresh = client($user, $password);
    foreach (['expires', 'touched'] as $key) {
        eventually("$key expires", fn () => $fresh->get($key) === false);
    }
    same($fresh->get('stays'), 'long');
});
