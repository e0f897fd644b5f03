#!/usr/bin/perl
# Cache::Memcached::Fast (C behind Perl): text, several keys pipelined, `noreply` where nobody looks at the result. It signs in by
# its first `set`, and looks at no key: what a hostile one breaks out to is its own tenant's.
use strict;
use warnings;
use Cache::Memcached::Fast;

$| = 1;
my ($user, $password, $address) = @ENV{qw(MEMCACHE_USERNAME MEMCACHE_PASSWORD MEMCACHE_SERVERS)};

sub client {
    my ($name, $word, %options) = @_;
    my $mc = Cache::Memcached::Fast->new({servers => [$address], io_timeout => 5, connect_timeout => 5, max_failures => 0, max_size => 4 << 20,
                                          %options});
    return ($mc, $mc->set('auth', "$name $word"));
}

sub check {
    my ($name, $body) = @_;
    my $fine = eval { $body->(); 1 };
    my $why = $fine ? '' : $@;
    $why =~ s/\n/ /g;
    print $fine ? "ok $name\n" : "not ok $name: " . substr($why, 0, 400) . "\n";
}

sub text {
    my ($value) = @_;
    return 'undef' unless defined $value;
    return '[' . join(', ', map { text($_) } @$value) . ']' if ref $value eq 'ARRAY';
    return '{' . join(', ', map { "$_ => " . text($value->{$_}) } sort keys %$value) . '}' if ref $value eq 'HASH';
    return length $value > 100 ? length($value) . ' bytes' : "'$value'";
}

sub same {
    my ($got, $expected) = @_;
    my ($mine, $its) = (text($got), text($expected));
    die "got $mine, expected $its at line " . (caller)[2] . "\n" if $mine ne $its;
}

sub until_true {
    my ($what, $condition) = @_;
    my $deadline = time + 6;
    until ($condition->()) {
        die "not in time: $what\n" if time > $deadline;
        select undef, undef, undef, 0.05;
    }
}

sub basic {
    my ($mc, $signed_in) = client($user, $password);

    check sign_in => sub { same($signed_in, 1) };
    check wrong_password => sub {
        for my $word ($password . 'x', $ENV{MEMCACHE_OTHER_PASSWORD}) {
            my ($refused, $accepted) = client($user, $word);
            die "signed in\n" if $accepted;
            die "stored\n" if $refused->set('k', 'v');
        }
    };
    check set_and_get => sub {
        for my $value ('value', "raw\0bytes\r\n", '', "END\r\n", {a => [1, 2]}) {
            same($mc->set('k', $value), 1);
            same(scalar($mc->get('k')), $value);
        }
        my ($packed) = client($user, $password, compress_threshold => 1000);
        $packed->set('packed', 'z' x 100000);
        same($packed->get('packed'), 'z' x 100000);
    };
    check miss => sub { same([scalar($mc->get('absent')), scalar($mc->gets('absent')), $mc->get_multi('absent', 'absent2')], [undef, undef, {}]) };
    check multi => sub {
        my %values = map { ("multi:$_" => "value $_" x ($_ + 1)) } 0 .. 99;
        same($mc->set_multi(map { [$_, $values{$_}] } sort keys %values), {map { ($_ => 1) } keys %values});
        same($mc->get_multi('absent', sort keys %values), \%values);
        $mc->delete_multi(keys %values);
        same($mc->get_multi(keys %values), {});
    };
    check flush => sub {
        $mc->set('flushed', 'x');
        same([$mc->flush_all, scalar($mc->get('flushed'))], [{$address => 1}, undef]);
        $mc->set('flushed', 'y');
        same(scalar($mc->get('flushed')), 'y');
    };

    $mc->set('expires', 'soon', 2);
    $mc->set('touched', 'soon');
    $mc->set('gotten', 'soon');
    $mc->set('stays', 'long', 3600);

    check touch_and_gat => sub {
        same([$mc->touch('touched', 2), !!$mc->touch('absent', 2)], [1, '']);
        same([scalar($mc->gat(2, 'gotten')), scalar($mc->gat(2, 'absent'))], ['soon', undef]);
        same($mc->gat_multi(3600, 'stays', 'absent'), {stays => 'long'});
    };
    check add_and_replace => sub {
        same([$mc->add('added', 1), !!$mc->add('added', 2), scalar($mc->get('added'))], [1, '', 1]);
        same([!!$mc->replace('absent', 1), $mc->replace('added', 3), scalar($mc->get('added'))], ['', 1, 3]);
    };
    check cas => sub {
        $mc->set('cas', 1);
        my ($token, $value) = @{$mc->gets('cas')};
        same($value, 1);
        same([$mc->cas('cas', $token, 2), !!$mc->cas('cas', $token, 3), scalar($mc->get('cas'))], [1, '', 2]);
        same(scalar(keys %{$mc->gets_multi('cas', 'added', 'absent')}), 2);
    };
    check append_and_prepend => sub {
        $mc->set('grows', 'b');
        same([$mc->append('grows', 'c'), $mc->prepend('grows', 'a'), scalar($mc->get('grows'))], [1, 1, 'abc']);
        same(!!$mc->append('absent', 'x'), '');
    };
    check incr_and_decr => sub {
        $mc->set('n', 40);
        same([$mc->incr('n', 2), $mc->decr('n', 40), 0 + $mc->decr('n', 5), !!scalar($mc->incr('absent'))], [42, 2, 0, '']);
        same($mc->incr_multi(['n', 5])->{n}, 5);
    };
    check delete => sub {
        $mc->set('deleted', 1);
        same([$mc->delete('deleted'), !!$mc->delete('deleted'), scalar($mc->get('deleted'))], [1, '', undef]);
    };
    check noreply => sub {
        my ($quiet) = client($user, $password, nowait => 1);
        $quiet->set("quiet:$_", $_) for 0 .. 99;
        $quiet->delete('quiet:0');
        $quiet->incr('quiet:1', 41);
        $quiet->nowait_push;
        same([scalar($quiet->get('quiet:0')), scalar($quiet->get('quiet:1')), scalar keys %{$mc->get_multi(map { "quiet:$_" } 0 .. 99)}], [undef, 42, 99]);
    };
    check server_versions => sub { die "no version\n" unless $mc->server_versions->{$address} =~ /^\d+\.\d+/ };
    check keys_of_250_bytes => sub {
        $mc->set('k' x 250, 'long');
        $mc->set('k' x 249, 'shorter');
        same([scalar($mc->get('k' x 250)), scalar($mc->get('k' x 249))], ['long', 'shorter']);
    };
    check biggest_value => sub {
        my $value = 'b' x ($ENV{INTEROP_ITEM_LIMIT} - 3);
        same([$mc->set('big', $value), scalar($mc->get('big'))], [1, $value]);
    };
    check too_big => sub {
        $mc->set('big', 'old');
        same(!!$mc->set('big', 'b' x ($ENV{INTEROP_TOO_BIG} - 3)), '');
        my ($fresh) = client($user, $password);  # after an error it closes, and is signed in no more
        same([scalar($fresh->get('big')), scalar($fresh->get('stays'))], [undef, 'long']);
    };
    check expiry => sub {
        my ($fresh) = client($user, $password);
        for my $key ('expires', 'touched', 'gotten') {
            until_true("$key expires", sub { !defined scalar($fresh->get($key)) });
        }
        same(scalar($fresh->get('stays')), 'long');
    };
}

sub isolation {
    my ($mine) = client($user, $password);
    my ($theirs) = client(@ENV{qw(MEMCACHE_OTHER_USERNAME MEMCACHE_OTHER_PASSWORD)});
    my @keys = map { "same:$_" } 0 .. 99;

    check equal_keys => sub {
        $mine->set($_, "mine $_"), $theirs->set($_, "theirs $_") for @keys;
        same($mine->get_multi(@keys), {map { ($_ => "mine $_") } @keys});
        $mine->delete_multi(@keys);
        same($theirs->get_multi(@keys), {map { ($_ => "theirs $_") } @keys});
    };
    check hostile_keys => sub {
        open my $file, '<', $ENV{INTEROP_HOSTILE_KEYS} or die;
        while (my $line = <$file>) {
            chomp $line;
            my $key = pack 'H*', $line;
            my ($attacker) = client($user, $password, close_on_error => 1, io_timeout => 0.3);
            $attacker->get($key);
            $attacker->set($key, 'probe');
            $attacker->delete($key);
        }
        same($theirs->get_multi(@keys, 'secret'), {secret => 'of the other tenant', map { ($_ => "theirs $_") } @keys});
    };
    check flush_is_mine_alone => sub {
        $mine->set('x', 1);
        $mine->flush_all;
        same([scalar($mine->get('x')), scalar($theirs->get('same:7'))], [undef, 'theirs same:7']);
    };
}

@ARGV && $ARGV[0] eq 'isolation' ? isolation() : basic();
