"""The servers of a run: the memcached that is asked directly, and mctenant before two others."""

import contextlib
import json
import os
import socket

import ledger
import servers
from exchange import Target

TENANTS = 3
# As many CAS values are used up on the second server behind, so that the two never tell the same one.
CAS_APART = 600000


class Started:
    def __init__(self, folder):
        self.folder, self.processes = folder, servers.Processes(folder)

    def memcached(self, name, item_size):
        (port,) = servers.free_ports(1)
        address = f"127.0.0.1:{port}"
        # The page mover gives an item that it moves a new CAS, which no conversation could foresee.
        arguments = servers.memcached("-l", "127.0.0.1", "-p", str(port), "-o", "slab_automove=0")
        arguments[arguments.index("-I") + 1] = item_size
        arguments[arguments.index("-m") + 1] = "1024"  # nothing is to be evicted
        self.processes.start(name, arguments)
        servers.wait_until(name, servers.connects(address), self.processes)
        return address

    def reference(self):
        return Target("memcached", self.memcached("reference", "1m"))

    def mctenant(self, program):
        self.behind = behind = [self.memcached("behind-1", "2m"), self.memcached("behind-2", "2m")]
        use_up_cas(behind[1])
        client_port, admin_port = servers.free_ports(2)
        self.admin_port = admin_port
        self.ids = {number: servers.User(f"tenant-{number}") for number in range(1, TENANTS + 1)}
        configuration = {
            "listeners": [{"address": f"127.0.0.1:{client_port}"}],
            "admin": {"address": f"127.0.0.1:{admin_port}"},
            "workers": 2,
            "state": os.path.join(self.folder, "state.db"),
            "pools": {"default": {"servers": behind}},
            "plans": {"dev": {"memory": "500MiB"}},
            "namespace": ledger.NAMESPACE,
            "tenants": {user.name: {"id": number, "plan": "dev", "credentials": [{"username": user.name, "password": user.password}]}
                        for number, user in self.ids.items()},
        }
        file = os.path.join(self.folder, "mctenant.json")
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as config:
            json.dump(configuration, config)
        self.program = self.processes.start("mctenant", [program, "serve", "--config", file])
        servers.wait_until("mctenant (/readyz)", servers.answers_ready(admin_port), self.processes)
        return Target("mctenant", f"127.0.0.1:{client_port}", [(user.name, user.password) for user in self.ids.values()])

    def ledger_gaps(self):
        return ledger.gaps(self.behind, self.admin_port, {number: user.name for number, user in self.ids.items()})


def use_up_cas(address):
    with servers.connect(address) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.sendall(b"set n 0 0 1\r\n0\r\n" + b"ma n q\r\n" * CAS_APART + b"delete n\r\n")
        answer = b""
        while not answer.endswith(b"DELETED\r\n"):
            more = plain.recv(65536)
            if not more:
                raise RuntimeError(f"memcached at {address} closed after {answer[-200:]!r}")
            answer += more


@contextlib.contextmanager
def started(folder, subject, program):
    """Yields what was started, and (reference, subject): targets of an Exchange."""
    all_of_them = Started(folder)
    try:
        reference = all_of_them.reference()
        other = all_of_them.mctenant(program) if subject == "mctenant" else Target("memcached-2", all_of_them.memcached("subject", "1m"))
        yield all_of_them, (reference, other)
        if subject == "mctenant" and all_of_them.program.poll() is not None:
            raise RuntimeError(f"mctenant ended by itself with {all_of_them.program.returncode}")
    except BaseException:
        if os.path.exists(os.path.join(folder, "mctenant.log")):
            for line in all_of_them.processes.log("mctenant").splitlines()[-30:]:
                print(f"     | {line}", flush=True)
        raise
    finally:
        all_of_them.processes.stop_all()
