#!/usr/bin/env bash
# A shell script that speaks the meta protocol over /dev/tcp, as one writes it in a hurry; by `openssl s_client` where it is told of a
# certificate authority (MEMCACHE_CA). It signs in by a `set`.
set -uo pipefail

host=${MEMCACHE_SERVERS%:*} port=${MEMCACHE_SERVERS##*:}

# Opens descriptors 3 (to it) and 4 (from it).
connect() {
  if [[ -n ${MEMCACHE_CA:-} ]]; then
    coproc TLS { openssl s_client -connect "$MEMCACHE_SERVERS" -CAfile "$MEMCACHE_CA" -verify_return_error -quiet "$@" 2>s_client.log; }
    # shellcheck disable=SC2153 # a coprocess sets TLS_PID
    tls_pid=$TLS_PID
    exec 3>&"${TLS[1]}" 4<&"${TLS[0]}"
  else
    exec 3<>"/dev/tcp/$host/$port" 4<&3
  fi
}

disconnect() {
  exec 3>&- 4<&-
  if [[ -n ${tls_pid:-} ]]; then
    kill "$tls_pid" 2>/dev/null
    wait "$tls_pid" 2>/dev/null
    tls_pid=
  fi
}

# ask REQUEST-LINE...: sends them, each with CR LF.
ask() { printf '%s\r\n' "$@" >&3; }

# answer: the next line of the answer, without CR LF.
answer() {
  local line=
  IFS= read -r -t 5 line <&4
  printf '%s' "${line%$'\r'}"
}

sign_in() {
  local proof="$1 $2"
  ask "set auth 0 0 ${#proof}" "$proof"
  answer
}

check() {
  local name=$1 expected=$2 got=$3
  if [[ $got == "$expected" ]]; then
    echo "ok $name"
  else
    echo "not ok $name: got '$got', expected '$expected'"
  fi
}

connect
check wrong_password "CLIENT_ERROR authentication failure" "$(sign_in "$MEMCACHE_USERNAME" "${MEMCACHE_PASSWORD}x")"
disconnect

connect
check sign_in STORED "$(sign_in "$MEMCACHE_USERNAME" "$MEMCACHE_PASSWORD")"

ask "mn"
check noop MN "$(answer)"
ask "mg meta-a v"
check miss EN "$(answer)"
ask "ms meta-a 5 T90 F7 c" hello
[[ $(answer) =~ ^HD\ c([0-9]+)$ ]] && cas=${BASH_REMATCH[1]}
check set_gives_a_cas 1 "$((${cas:-0} > 0))"
ask "mg meta-a v f s k Oabc"
check get "VA 5 f7 s5 kmeta-a Oabc" "$(answer)"
check get_value hello "$(answer)"
ask "mg meta-a t c"
[[ $(answer) =~ ^HD\ t(90|89)\ c$cas$ ]]
check ttl_and_cas 0 $?
ask "mg meta-a T500 t"
check touch "HD t500" "$(answer)"
ask "ms meta-a 2 ME" no
check add "NS" "$(answer)"
ask "ms meta-a 1 MA" "!"
check append "HD" "$(answer)"
ask "ms meta-a 1 C$cas" x
check stale_cas "EX" "$(answer)"
ask "mg meta-a v"
check grown "VA 6" "$(answer)"
check grown_value "hello!" "$(answer)"
ask "md meta-a q" "mg meta-a q v" "ms meta-a 1 q" 1 "mn"
check quiet_pipeline MN "$(answer)"
ask "ma meta-n N0 J10 v" "ma meta-n D5 v" "ma meta-n MD D20 v"
check counter "VA 2 10 VA 2 15 VA 1 0" "$(answer) $(answer) $(answer) $(answer) $(answer) $(answer)"
ask "ms bWV0YSBi 3 b" two "mg bWV0YSBi b v k"  # "meta b"
check base64_key "HD VA 3 kbWV0YSBi b two" "$(answer) $(answer) $(answer)"

# Stale while one makes it anew.
ask "mg meta-win N30 v"
check first_wins "VA 0 W" "$(answer)"
check first_wins_nothing "" "$(answer)"
ask "mg meta-win N30 v"
check second_waits "VA 0 Z" "$(answer)"
check second_waits_for_nothing "" "$(answer)"
ask "ms meta-win 3" new
check winner_stores HD "$(answer)"
ask "md meta-win I T30"
check marked_stale HD "$(answer)"
ask "mg meta-win v"
check stale_and_won "VA 3 X W" "$(answer)"
check stale_value new "$(answer)"
ask "mg meta-win v"
check stale_and_lost "VA 3 Z X" "$(answer)"
check still_stale_value new "$(answer)"

ask "nonsense" "mn"
check error ERROR "$(answer)"
check goes_on MN "$(answer)"
ask "quit"
check quit "" "$(answer)"
disconnect

if [[ -n ${MEMCACHE_CA:-} ]]; then
  for version in -tls1_2 -tls1_3; do
    connect "$version"
    check "sign_in$version" STORED "$(sign_in "$MEMCACHE_USERNAME" "$MEMCACHE_PASSWORD")"
    disconnect
  done
  connect -tls1_1 -cipher DEFAULT@SECLEVEL=0
  check no_tls_1_1 "" "$(sign_in "$MEMCACHE_USERNAME" "$MEMCACHE_PASSWORD" 2>/dev/null)"
  disconnect
fi
