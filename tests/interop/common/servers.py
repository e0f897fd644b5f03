"""Starts and stops the servers of a run: mctenant before two memcached, or one stock memcached with SASL."""

import contextlib
import json
import os
import random
import re
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import binary

READY_WITHIN = 20


class User:
    def __init__(self, name):
        self.name, self.password = name, secrets.token_urlsafe(18)


reserved = []


def free_ports(count):
    """Ports of this process alone, to its end: tests run beside each other, and between the choice of a port and the start of
    whoever listens there, another might choose it, too. tests/support/process.cc takes the same names."""
    ports = []
    while len(ports) < count:
        # Below those that the system gives to outgoing connections.
        port = random.randint(12000, 32000)
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0mctenant-test-port-{port}")
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            name.close()
            continue
        reserved.append(name)
        ports.append(port)
    return ports


class Processes:
    """What was started, each with its log, and stopped by its own pid."""

    def __init__(self, folder):
        self.folder, self.running = folder, []

    def start(self, name, command, **environment):
        with open(os.path.join(self.folder, name + ".log"), "wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                       env={**os.environ, **environment})
        self.running.append(process)
        return process

    def log(self, name):
        with open(os.path.join(self.folder, name + ".log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop_all(self):
        for process in reversed(self.running):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def wait_until(what, ready, processes):
    deadline = time.monotonic() + READY_WITHIN
    while not ready():
        for process in processes.running:
            if process.poll() is not None:
                raise RuntimeError(f"{process.args[0]} ended with {process.returncode} while {what} was awaited")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} not ready within {READY_WITHIN} s")
        time.sleep(0.02)


def connects(address):
    def ready():
        try:
            connect(address).close()
            return True
        except OSError:
            return False
    return ready


def answers_ready(admin_port):
    def ready():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/readyz", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False
    return ready


def connect(address):
    if address.startswith("/"):
        plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        plain.settimeout(5)
        plain.connect(address)
        return plain
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=5)


def memcached(*arguments):
    as_root = ["-u", "root"] if os.geteuid() == 0 else []
    return ["memcached", "-U", "0", "-I", "2m", "-m", "256", "-t", "2", *as_root, *arguments]


def make_certificate(folder):
    """A certificate for 127.0.0.1 that is its own authority: (certificate, key)."""
    files = os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=mctenant.test", "-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.chmod(files[1], 0o600)
    return files


class Server:
    """What both kinds have: addresses, two users, and the smallest key + value that is refused for certain."""

    def __init__(self, folder):
        self.folder, self.processes = folder, Processes(folder)
        self.users = [User("alice"), User("bob")]
        self.certificate, self.key = make_certificate(folder)

    def store(self, user, key, value):
        with binary.signed_in(self.address, user.name, user.password) as connection:
            connection.call(binary.SET, key, bytes(8), value)

    def flush(self, user):
        with binary.signed_in(self.address, user.name, user.password) as connection:
            connection.call(binary.FLUSH)


class Stock(Server):
    """A server for each way in, since memcached has one a process."""

    kind, too_big = "stock", 2 * 1048576

    def start(self):
        tls = ["-Z", "-o", f"ssl_chain_cert={self.certificate},ssl_key={self.key}"]
        proofs = os.path.join(self.folder, "proofs")
        options = {"binary": ["-S"], "text": ["-Y", proofs], "sidecar": [], "tls-binary": ["-S", *tls], "tls-text": ["-Y", proofs, *tls]}
        self.addresses = {way: f"127.0.0.1:{port}" for way, port in zip(options, free_ports(len(options)))}
        self.address = self.addresses["binary"]
        database = os.path.join(self.folder, "sasldb")
        with open(os.path.join(self.folder, "memcached.conf"), "w", encoding="ascii") as file:
            file.write(f"mech_list: plain\npwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {database}\n")
        with open(os.open(proofs, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write("".join(f"{user.name}:{user.password}\n" for user in self.users))
        for user in self.users:
            subprocess.run(["/usr/sbin/saslpasswd2", "-p", "-c", "-f", database, "-u", socket.gethostname(), user.name],
                           input=user.password.encode(), check=True)
        for way, address in self.addresses.items():
            self.processes.start(f"memcached-{way}", memcached(*options[way], "-l", "127.0.0.1", "-p", address.rsplit(":", 1)[1]),
                                 SASL_CONF_PATH=self.folder)
            wait_until(f"memcached ({way})", connects(address), self.processes)

    def address_for(self, way, user):
        del user
        return self.addresses[way]

    def flush(self, user):
        super().flush(user)
        proof = f"{user.name} {user.password}"
        for way in ("text", "sidecar"):
            with connect(self.addresses[way]) as plain:
                plain.sendall(f"set auth 0 0 {len(proof)}\r\n{proof}\r\nflush_all\r\n".encode())
                with plain.makefile("rb") as answers:
                    answers.readline()
                    assert answers.readline() == b"OK\r\n", f"flush_all of {way}"

    def final_checks(self, report, whole):
        del report, whole


class Mctenant(Server):
    kind, too_big = "mctenant", 1048577

    def __init__(self, folder, program):
        super().__init__(folder)
        self.program = program

    def address_for(self, way, user):
        return self.sidecars[user.name] if way == "sidecar" else self.tls_address if way.startswith("tls") else self.address

    def configuration(self, port):
        return {
            "listeners": [{"address": self.address},
                          {"address": self.tls_address, "tls": {"certificate": self.certificate, "private_key": self.key}},
                          *[{"address": address, "credential": name} for name, address in self.sidecars.items()]],
            "admin": {"address": f"127.0.0.1:{port}"},
            "workers": 2,
            "state": os.path.join(self.folder, "state.db"),
            "pools": {"default": {"servers": self.behind}},
            "plans": {"dev": {}},
            "tenants": {user.name: {"plan": "dev", "credentials": [
                {"username": user.name, "password": user.password},
                {"username": user.name + "-reader", "password": user.password, "capabilities": ["read"]},
            ]} for user in self.users},
            "limits": {"sign_in_timeout": "5s"},
        }

    def start(self):
        client_port, tls_port, admin_port, server_port, *sidecars = free_ports(4 + len(self.users))
        self.admin_port = admin_port
        unix = os.path.join(self.folder, "mc.sock")
        self.address, self.behind = f"127.0.0.1:{client_port}", [f"127.0.0.1:{server_port}", unix]
        self.tls_address = f"127.0.0.1:{tls_port}"
        self.sidecars = {user.name: f"127.0.0.1:{port}" for user, port in zip(self.users, sidecars)}
        self.processes.start("memcached-tcp", memcached("-l", "127.0.0.1", "-p", str(server_port)))
        self.processes.start("memcached-unix", memcached("-s", unix))
        for address in self.behind:
            wait_until(f"memcached at {address}", connects(address), self.processes)
        file = os.path.join(self.folder, "mctenant.json")
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as config:
            json.dump(self.configuration(admin_port), config)
        self.process = self.processes.start("mctenant", [self.program, "serve", "--config", file])

        wait_until("mctenant (/readyz)", answers_ready(admin_port), self.processes)

    def ask(self, address, command, until):
        with connect(address) as plain:
            plain.sendall(command)
            answer = b""
            while not answer.endswith(until):
                more = plain.recv(65536)
                if not more:
                    raise RuntimeError(f"memcached at {address} closed after {answer[-200:]!r}")
                answer += more
            return answer

    def dump(self, address):
        """All items by the server's own list; mctenant may be reading one itself, then the server asks for patience."""
        for _ in range(200):
            dump = self.ask(address, b"lru_crawler metadump hash\r\n", b"\r\n").decode("ascii")
            if not dump.startswith("BUSY"):
                return dump
            time.sleep(0.05)
        raise RuntimeError(f"memcached at {address} gives no dump: {dump!r}")

    def server_keys(self, ending):
        """The keys on the memcached servers that end so: what a tenant's key became."""
        found = []
        for address in self.behind:
            dump = self.dump(address)
            for key in re.findall(r"^key=(\S+)", dump, re.MULTILINE):
                key = urllib.parse.unquote_to_bytes(key)
                if key.endswith(ending):
                    found.append(key)
        return found

    def final_checks(self, report, whole):
        where = "mctenant"
        if whole:
            self.check_spread(report, where)
            self.check_mechanisms(report, where)
        if self.process.poll() is not None:
            report.fail(where, f"ended by itself with {self.process.returncode}")
            self.show_log()
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(15)
            if code == 0:
                report.ok(where, "ends on SIGTERM")
            else:
                report.fail(where, f"SIGTERM ended it with {code}")
        except subprocess.TimeoutExpired:
            report.fail(where, "SIGTERM did not end it within 15 s")
        log = self.processes.log("mctenant")
        if any(user.password in log for user in self.users):
            report.fail(where, "a password stands in its log")
        else:
            report.ok(where, "no password in its log")
        if report.failed:
            self.show_log()

    def check_spread(self, report, where):
        for address in self.behind:
            stats = self.ask(address, b"stats\r\n", b"END\r\n").decode("ascii")
            stored = int(re.search(r"STAT cmd_set (\d+)", stats).group(1))
            if stored > 100:
                report.ok(where, f"{stored} values went to the server at {os.path.basename(address)}")
            else:
                report.fail(where, f"only {stored} values went to the server at {address}")

    def check_mechanisms(self, report, where):
        """libmemcached takes SCRAM where it is offered, all others PLAIN."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/metrics", timeout=5) as answer:
            metrics = answer.read().decode()
        for mechanism in ("PLAIN", "SCRAM-SHA-256"):
            found = re.search(rf'mctenant_sign_ins_by_mechanism_total{{mechanism="{mechanism}"}} (\d+)', metrics)
            count = int(found.group(1)) if found else 0
            (report.ok if count > 0 else report.fail)(where, f"{count} sign-ins by {mechanism}")

    def show_log(self):
        for line in self.processes.log("mctenant").splitlines()[-30:]:
            print(f"     | {line}", flush=True)


@contextlib.contextmanager
def start(kind, folder, program):
    server = Mctenant(folder, program) if kind == "mctenant" else Stock(folder)
    try:
        server.start()
        yield server
    except BaseException:
        if kind == "mctenant" and os.path.exists(os.path.join(folder, "mctenant.log")):
            server.show_log()
        raise
    finally:
        server.processes.stop_all()
