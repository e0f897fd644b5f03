<?php
// PHP's memcache extension (the one without d): text. It signs in by its first set.

$user = getenv('MEMCACHE_USERNAME');
$password = getenv('MEMCACHE_PASSWORD');
$limit = (int)getenv('INTEROP_ITEM_LIMIT');
$tooBig = (int)getenv('INTEROP_TOO_BIG');
error_reporting(E_ALL & ~E_NOTICE);  // it tells of each refusal by a notice, too

function client(string $user, string $password): array {
    $mc = new Memcache();
    [$host, $port] = explode(':', getenv('MEMCACHE_SERVERS'));
    $mc->addServer($host, (int)$port, false, 1, 5, 0);
    $mc->setCompressThreshold(100000000);  // only what it is asked to
    return [$mc, $mc->set('auth', "$user $password")];
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

[$mc, $signedIn] = client($user, $password);

check('sign_in', fn () => same($signedIn, true));
check('wrong_password', function () use ($user, $password) {
    [$refused, $accepted] = client($user, $password . 'x');
    same($accepted, false);
    same(@$refused->set('k', 'v'), false);
});
check('set_and_get', function () use ($mc) {
    foreach (['value', "raw\0\r\n", 17, 1.5, true, ['a' => [1, 2]], '', "snow \u{2603}", "END\r\n"] as $value) {
        same($mc->set('k', $value), true);
        same($mc->get('k'), $value);
    }
    $mc->set('packed', str_repeat('z', 100000), MEMCACHE_COMPRESSED);
    same($mc->get('packed'), str_repeat('z', 100000));
});
check('miss', function () use ($mc) {
    same($mc->get('absent'), false);
    same($mc->get(['absent', 'absent2']), []);
});
check('multi_get', function () use ($mc) {
    $values = [];
    for ($i = 0; $i < 100; ++$i) {
        $values["multi:$i"] = str_repeat("value $i", $i + 1);
    }
    foreach ($values as $key => $value) {
        $mc->set($key, $value);
    }
    $got = $mc->get(array_merge(['absent'], array_keys($values)));
    ksort($got);
    ksort($values);
    same($got, $values);
});
check('flush', function () use ($mc) {
    $mc->set('flushed', 1);
    same($mc->flush(), true);
    same($mc->get('flushed'), false);
    $mc->set('flushed', 2);
    same($mc->get('flushed'), 2);
});
$mc->set('expires', 'soon', 0, 2);
$mc->set('stays', 'long', 0, 3600);
check('add_and_replace', function () use ($mc) {
    same([$mc->add('added', 1), $mc->add('added', 2), $mc->get('added')], [true, false, 1]);
    same([$mc->replace('absent', 1), $mc->replace('added', 3), $mc->get('added')], [false, true, 3]);
});
check('cas', function () use ($mc) {
    $mc->set('cas', 'one');
    $flags = $token = null;
    same($mc->get('cas', $flags, $token), 'one');
    same([$mc->cas('cas', 'two', 0, 0, $token), $mc->cas('cas', 'three', 0, 0, $token), $mc->get('cas')], [true, false, 'two']);
});
check('append_and_prepend', function () use ($mc) {
    $mc->set('grows', 'b');
    same([$mc->append('grows', 'c'), $mc->prepend('grows', 'a'), $mc->get('grows')], [true, true, 'abc']);
    same($mc->append('absent', 'x'), false);
});
check('incr_and_decr', function () use ($mc) {
    $mc->set('n', 40);
    same([$mc->increment('n', 2), $mc->decrement('n', 40), $mc->decrement('n', 5), $mc->increment('absent')], [42, 2, 0, false]);
});
check('delete', function () use ($mc) {
    $mc->set('deleted', 1);
    same([$mc->delete('deleted'), $mc->delete('deleted'), $mc->get('deleted')], [true, false, false]);
});
check('stats_and_version', function () use ($mc) {
    $figures = $mc->getStats();
    foreach (['cmd_get', 'cmd_set', 'get_hits', 'get_misses', 'curr_connections', 'version'] as $name) {
        same(array_key_exists($name, $figures), true);
    }
    same(preg_match('/^\d+\.\d+/', $mc->getVersion()), 1);
});
check('biggest_value', function () use ($mc, $limit) {
    $value = str_repeat('b', $limit - 3);
    same([$mc->set('big', $value), $mc->get('big') === $value], [true, true]);
});
check('too_big', function () use ($mc, $user, $password, $tooBig) {
    $mc->set('big', 'old');
    same(@$mc->set('big', str_repeat('b', $tooBig - 3)), false);
    [$fresh] = client($user, $password);
    same([$fresh->get('big'), $fresh->get('stays')], [false, 'long']);
});
check('expiry', function () use ($user, $password) {
    [$fresh] = client($user, $password);  // after an error it closes, and is signed in no more
    eventually('expires', fn () => $fresh->get('expires') === false);
    same($fresh->get('stays'), 'long');
});
