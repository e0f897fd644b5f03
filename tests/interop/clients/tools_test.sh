#!/bin/bash
# libmemcached's command line tools, with --binary and --username. (They take the password on their command line only.)

set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

check() {
  local name=$1 why
  shift
  if why=$("$@" 2>&1); then echo "ok $name"; else echo "not ok $name: $(tr '\n' ' ' <<<"${why: -300}")"; fi
}

# run USER PASSWORD TOOL ARGUMENT…
run() {
  local user=$1 password=$2 tool=$3
  shift 3
  timeout 20 "$tool" --binary --servers="$MEMCACHE_SERVERS" --username="$user" --password="$password" "$@"
}
mine() { run "$MEMCACHE_USERNAME" "$MEMCACHE_PASSWORD" "$@"; }
theirs() { run "$MEMCACHE_OTHER_USERNAME" "$MEMCACHE_OTHER_PASSWORD" "$@"; }

refused() { ! "$@"; }
same() { cmp "$1" "$2"; }

copy_and_cat() {
  printf 'a line of text\n' >text.txt
  head -c 100000 /dev/urandom >bytes.bin
  mine memccp text.txt bytes.bin || return 1
  mine memccat --file="$work/copy.bin" bytes.bin && same bytes.bin copy.bin || return 1
  mine memccat text.txt | grep -qx 'a line of text'
}
# Two tools' own ways: --add and --replace of memccp.
add_and_replace() {
  printf new >added && mine memccp --add added || return 1
  printf other >added && refused mine memccp --add added || return 1
  mine memccp --replace added && mine memccat added | grep -q other || return 1
  printf none >never && refused mine memccp --replace never
}
remove() { mine memccp text.txt && mine memcrm text.txt && refused mine memccat text.txt; }
touch_and_exist() {
  mine memccp text.txt && mine memcexist text.txt && mine memctouch --expire=100 text.txt && refused mine memcexist absent &&
    refused mine memctouch absent
}
wrong_password() { refused run "$MEMCACHE_USERNAME" "${MEMCACHE_PASSWORD}x" memccp text.txt; }
unknown_user() { refused run "nobody-$MEMCACHE_USERNAME" "$MEMCACHE_PASSWORD" memccp text.txt; }
stats() { mine memcstat >stats.txt && grep -q 'cmd_set' stats.txt && grep -q 'get_hits' stats.txt; }
flush() { mine memccp text.txt && mine memcflush && refused mine memccat text.txt && mine memccp text.txt && mine memccat text.txt; }
biggest_value() {
  head -c $((INTEROP_ITEM_LIMIT - 3)) /dev/urandom >big && mine memccp big && mine memccat --file="$work/big.copy" big &&
    same big big.copy
}
too_big() {
  head -c $((INTEROP_TOO_BIG - 3)) /dev/zero >big
  refused mine memccp big && refused mine memccat big
}

own_copies() {
  printf mine >same.txt && mine memccp same.txt || return 1
  refused theirs memccat same.txt || return 1
  printf theirs >same.txt && theirs memccp same.txt || return 1
  mine memccat same.txt | grep -qx mine && theirs memccat same.txt | grep -qx theirs
}
flush_is_mine_alone() { mine memcflush && refused mine memccat same.txt && theirs memccat same.txt | grep -qx theirs; }

if [ "${1:-basic}" = basic ]; then
  check copy_and_cat copy_and_cat
  check add_and_replace add_and_replace
  check remove remove
  check touch_and_exist touch_and_exist
  check wrong_password wrong_password
  check unknown_user unknown_user
  check stats stats
  check flush flush
  check biggest_value biggest_value
  check too_big too_big
else
  check own_copies own_copies
  check flush_is_mine_alone flush_is_mine_alone
fi
