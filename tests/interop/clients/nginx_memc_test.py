"""nginx with its memc module (libnginx-mod-http-memc): text, kept connections, no way to sign in, so that it comes to a listener
that is bound to a credential. What it is asked over HTTP it asks of memcached."""

import http.client
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))

from check import LIMIT, SERVERS, TOO_BIG, check, filler, same, until

CONFIGURATION = """
load_module /usr/lib/nginx/modules/ngx_http_memc_module.so;
daemon off; master_process off; pid nginx.pid; error_log error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_max_body_size 4m; client_body_buffer_size 4m; client_body_temp_path body;
  proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  upstream cache {{ server {address}; keepalive 8; }}
  server {{
    listen unix:http.sock;
    location / {{
      set $memc_cmd $arg_cmd; set $memc_key $arg_key; set $memc_value $arg_val; set $memc_exptime $arg_exptime; set $memc_flags $arg_flags;
      memc_buffer_size 64k; memc_connect_timeout 5s; memc_read_timeout 5s; memc_send_timeout 5s;
      memc_pass cache;
    }}
    location /body {{
      set $memc_cmd set; set $memc_key $arg_key;
      memc_pass cache;
    }}
    location /by-method {{
      set $memc_key $arg_key; set $memc_exptime $arg_exptime;
      memc_pass cache;
    }}
  }}
}}
"""


class OverUnix(http.client.HTTPConnection):
    def connect(self):
        import socket
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect("http.sock")


def ask(cmd, key=None, val=None, method="GET", body=None, path="/", **more):
    fields = {"cmd": cmd, "key": key, "val": val, **more}
    query = "&".join(f"{name}={value}" for name, value in fields.items() if value is not None)
    connection = OverUnix("localhost")
    connection.request(method, f"{path}?{query}", body=body)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, data


def started(folder):
    os.chdir(folder)
    with open("nginx.conf", "w", encoding="ascii") as file:
        file.write(CONFIGURATION.format(address=SERVERS))
    process = subprocess.Popen(["/usr/sbin/nginx", "-p", folder, "-c", "nginx.conf", "-e", "error.log"], stdin=subprocess.DEVNULL)
    until("nginx listens", lambda: process.poll() is not None or os.path.exists("http.sock"))
    return process


def checks():
    @check
    def set_and_get():
        same(ask("set", "k", "value"), (201, b"STORED\r\n"))
        same(ask("get", "k"), (200, b"value"))
        same(ask("set", "empty", ""), (201, b"STORED\r\n"))
        same(ask("get", "empty"), (200, b""))

    @check
    def miss():
        same(ask("get", "absent")[0], 404)

    @check
    def by_method():
        same(ask(None, "m", method="POST", body=b"new", path="/by-method")[0], 201)
        same(ask(None, "m", method="POST", body=b"newer", path="/by-method")[0], 200)  # an add: it is there
        same(ask(None, "m", path="/by-method"), (200, b"new"))
        same(ask(None, "m", method="PUT", body=b"put", path="/by-method")[0], 201)
        same(ask(None, "m", path="/by-method"), (200, b"put"))
        same(ask(None, "m", method="DELETE", path="/by-method")[0], 200)
        same(ask(None, "m", path="/by-method")[0], 404)

    @check
    def add_and_replace():
        same([ask("add", "added", "1")[0], ask("add", "added", "2")[1]], [201, b"NOT_STORED\r\n"])
        same([ask("replace", "added", "3")[0], ask("replace", "absent", "3")[1]], [201, b"NOT_STORED\r\n"])
        same(ask("get", "added"), (200, b"3"))

    @check
    def append_and_prepend():
        ask("set", "grows", "b")
        same([ask("append", "grows", "c")[0], ask("prepend", "grows", "a")[0], ask("get", "grows")[1]], [201, 201, b"abc"])

    @check
    def incr_and_decr():
        ask("set", "n", "40")
        same([ask("incr", "n", "2")[1], ask("decr", "n", "40")[1], ask("decr", "n", "5")[1]], [b"42\r\n", b"2\r\n", b"0\r\n"])
        same(ask("incr", "absent", "2")[0], 404)

    @check
    def delete():
        ask("set", "deleted", "1")
        same([ask("delete", "deleted")[0], ask("delete", "deleted")[0]], [200, 404])

    @check
    def flags():
        ask("set", "flagged", "1", flags="12345")
        same(ask("get", "flagged"), (200, b"1"))

    @check
    def version_and_stats():
        assert ask("version")[1].startswith(b"VERSION 1."), ask("version")
        assert b"STAT cmd_get " in ask("stats")[1], ask("stats")

    @check
    def flush():
        ask("set", "flushed", "1")
        same(ask("flush_all")[1], b"OK\r\n")
        same(ask("get", "flushed")[0], 404)

    @check
    def big_values():
        for size in (100000, LIMIT - len("big")):
            value = filler(size)
            same(ask(None, "big", method="POST", body=value, path="/body")[0], 201)
            status, got = ask("get", "big")
            assert (status, got) == (200, value), f"status {status}, {len(got)} bytes of {size}"
        assert ask(None, "big", method="POST", body=filler(TOO_BIG - len("big")), path="/body")[0] >= 500
        same(ask("get", "big")[0], 404)

    @check
    def one_after_another():
        for i in range(200):
            same(ask("set", f"many{i}", f"value{i}")[0], 201)
        same([ask("get", f"many{i}")[1] for i in range(200)], [f"value{i}".encode() for i in range(200)])

    @check
    def expiry():
        ask("set", "expires", "soon", exptime=2)
        ask("set", "stays", "long", exptime=3600)
        same(ask("get", "expires"), (200, b"soon"))
        until("expired", lambda: ask("get", "expires")[0] == 404)
        same(ask("get", "stays"), (200, b"long"))


with tempfile.TemporaryDirectory(prefix="nginx-") as place:
    nginx = started(place)
    try:
        checks()
    finally:
        nginx.terminate()
        nginx.wait(10)
        with open("error.log", encoding="utf-8", errors="replace") as log:
            print("".join(log.readlines()[-5:]), end="")
        os.chdir("/")
