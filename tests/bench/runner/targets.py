"""What is measured: each target is started with its servers in a temporary folder, and stopped by its own pid."""

import collections
import contextlib
import json
import os
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request

import environment

READY_WITHIN = 30
MOST_CONNECTIONS = 9300
# Values below and above these sizes want other settings of the peers.
SMALL, LARGE = 4096, 262144

# A tenant of mctenant, with a user of the same name; `memory` in MiB.
Tenant = collections.namedtuple("Tenant", "name password memory")


def tenant(name, memory):
    return Tenant(name, secrets.token_urlsafe(12), memory)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


def write_private(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


class Target:
    """Has an address to load; the process in front, and the server behind it or None.

    `variant` is one of variants(); `memory_mb` is the server's; `tenants` and `more_users` (of the tenant "bench") are for
    those that have tenants."""

    title = ""
    program = "memcached"
    protocol = "binary"
    signs_in = False
    # The measures that it is there for; None is all. And rows that it can't do.
    measures, without = None, ()

    def __init__(self, folder, settings, variant=None, memory_mb=None, tenants=(), more_users=0):
        self.folder, self.settings, self.variant = folder, settings, variant
        self.own_memory_mb = memory_mb
        self.tenants, self.more_users = tenants, more_users
        self.username, self.password = "bench", secrets.token_urlsafe(18)
        self.processes, self.front, self.server = [], None, None
        self.address = f"127.0.0.1:{free_port()}"

    @property
    def memory_mb(self):
        return self.own_memory_mb or self.settings.memory_mb

    @staticmethod
    def variants(value_size):
        """Its settings that are tried for values of this size (in a quick run the first two), the best of which counts. The
        first is the usual one."""
        del value_size
        return (None,)

    def watched(self):
        return [process for process in (self.front, self.server) if process]

    def spawn(self, name, command, cores, **variables):
        path = getattr(self.settings, command[0], None) or environment.program(command[0])
        with open(os.path.join(self.folder, name + ".log"), "wb") as log:
            process = subprocess.Popen([path, *command[1:]], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                       env={**os.environ, **variables},
                                       preexec_fn=lambda: os.sched_setaffinity(0, cores))
        self.processes.append((name, process))
        return process

    def memcached(self, address, cores, *more, **variables):
        as_root = ["-u", "root"] if os.geteuid() == 0 else []
        host, port = address.split(":")
        return self.spawn("memcached", ["memcached", "-U", "0", "-l", host, "-p", port, *self.server_options(), *as_root, *more],
                          cores, **variables)

    def server_options(self):
        """One thread, and up to 200 requests of a connection at once: the many that a proxy has sent together are not
        torn. It makes no difference to a memcached that is loaded directly, by up to 16 at a time."""
        return "-t", "1", "-R", "200", "-c", "12000", "-I", "2m", "-m", str(self.memory_mb)

    def start_server(self, *more, **variables):
        """The memcached behind a proxy."""
        self.behind = f"127.0.0.1:{free_port()}"
        self.server = self.memcached(self.behind, self.settings.server_cores, *more, **variables)
        self.wait_until(lambda: connects(self.behind))
        self.servers = [self.behind]

    def sasl_folder(self):
        """The configuration of SASL with one user: for SASL_CONF_PATH."""
        database = os.path.join(self.folder, "sasldb")
        write_private(os.path.join(self.folder, "memcached.conf"),
                      f"mech_list: plain\npwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {database}\n")
        subprocess.run([environment.program("saslpasswd2"), "-p", "-c", "-f", database, "-u", socket.gethostname(), self.username],
                       input=self.password.encode(), check=True)
        return self.folder

    def wait_until(self, ready):
        deadline = time.monotonic() + READY_WITHIN
        while not ready():
            for name, process in self.processes:
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended with {process.returncode}: {self.log(name)}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.processes[-1][0]} not ready within {READY_WITHIN} s: {self.log(self.processes[-1][0])}")
            time.sleep(0.02)

    def log(self, name):
        with open(os.path.join(self.folder, name + ".log"), encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def front_log(self):
        """The last that the process in front has said."""
        return self.log(next(name for name, process in self.processes if process is self.front))

    def stop(self):
        for _, process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def connects(address):
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        return True
    except OSError:
        return False


class Direct(Target):
    title = "memcached direct"

    def start(self):
        self.front = self.memcached(self.address, self.settings.front_cores)
        self.wait_until(lambda: connects(self.address))


class DirectSasl(Target):
    title, signs_in = "memcached -S direct, signed in", True
    options = ()

    def start(self):
        self.front = self.memcached(self.address, self.settings.front_cores, "-S", *self.options, SASL_CONF_PATH=self.sasl_folder())
        self.wait_until(lambda: connects(self.address))


class DirectSaslStock(DirectSasl):
    """As it starts when nobody says otherwise: on all cores that are measured."""

    title, measures = "memcached -S direct, its usual 4 threads, 2 cores", ("load", "half-load")
    without = ("100 B, multi-get of 16", "32 KB, depth 1")

    def start(self):
        self.front = self.memcached(self.address, self.settings.wide_cores, "-S", "-t", "4", SASL_CONF_PATH=self.sasl_folder())
        self.wait_until(lambda: connects(self.address))


class Twemproxy(Target):
    title, program, protocol = "twemproxy (nutcracker), text", "nutcracker", "text"

    @staticmethod
    def variants(value_size):
        """Sizes of its buffers. It copies what stands behind a message to another buffer, so that many small replies in a
        large one cost it much; a large value in small ones does too."""
        if value_size < SMALL:
            return (16384, 2048, 1024, 4096, 512)
        return (16384, 262144, 65536, 1048576) if value_size > LARGE else (16384, 65536, 262144, 1048576)

    def start(self):
        self.start_server()
        file = os.path.join(self.folder, "nutcracker.yml")
        write_private(file, f"bench:\n  listen: {self.address}\n  hash: fnv1a_64\n  distribution: ketama\n  preconnect: true\n"
                            f"  backlog: 1024\n  auto_eject_hosts: false\n  servers:\n   - {self.behind}:1\n")
        self.front = self.spawn("nutcracker", ["nutcracker", "-c", file, "-a", "127.0.0.1", "-s", str(free_port()), "-v", "4",
                                               "-m", str(self.variant or 16384)], self.settings.front_cores)
        self.wait_until(lambda: connects(self.address))


class Haproxy(Target):
    title, program, signs_in = "HAProxy, TCP, before memcached -S", "haproxy", True
    connections, splicing = MOST_CONNECTIONS, ""

    @staticmethod
    def variants(value_size):
        """Sizes of its buffers."""
        return (16384,) if value_size < SMALL else (16384, 65536, 262144)

    def start(self):
        self.start_server("-S", SASL_CONF_PATH=self.sasl_folder())
        file = os.path.join(self.folder, "haproxy.cfg")
        write_private(file, f"global\n  maxconn {self.connections}\n  nbthread 1\n  tune.bufsize {self.variant or 16384}\n"
                            f"  tune.pipesize 262144\ndefaults\n  mode tcp\n{self.splicing}  timeout connect 5s\n"
                            f"  timeout client 300s\n  timeout server 300s\nlisten bench\n  bind {self.address}\n"
                            f"  server memcached {self.behind}\n")
        self.front = self.spawn("haproxy", ["haproxy", "-db", "-f", file], self.settings.front_cores)
        self.wait_until(lambda: connects(self.address))


class HaproxySplice(Haproxy):
    """Moves values from socket to socket without copying them, which pays for large ones."""

    title, splicing, measures = "HAProxy, TCP, with splice-response", "  option splice-response\n", ("big",)
    # It reserves descriptors for the pipes.
    connections = 2000


class Mctenant(Target):
    title, signs_in, workers = "mctenant, 1 worker, signed in", True, 1

    def start(self):
        self.start_server()
        self.admin = f"127.0.0.1:{free_port()}"
        self.others = [(f"user{number}", secrets.token_urlsafe(12)) for number in range(self.more_users)]
        self.other_users = self.users_file("others", self.others)
        file = os.path.join(self.folder, "mctenant.json")
        write_private(file, json.dumps(self.configure()))
        cores = self.settings.front_cores if self.workers == 1 else self.settings.wide_cores
        self.front = self.spawn("mctenant", [os.path.abspath(self.settings.mctenant), "serve", "--config", file], cores)
        self.wait_until(self.ready)

    def users_file(self, name, users):
        """For mcload --users."""
        path = os.path.join(self.folder, name)
        write_private(path, "".join(f"{username}:{password}\n" for username, password in users))
        return path

    def configure(self):
        everyone = [(self.username, self.password), *self.others]
        return {
            "listeners": [{"address": self.address}],
            "admin": {"address": self.admin},
            "workers": self.workers,
            "state": os.path.join(self.folder, "state.db"),
            "pools": {"default": {"servers": self.servers}},
            "plans": {"dev": {"memory": f"{self.memory_mb}MiB"}},
            "tenants": {"bench": {"plan": "dev", "credentials": credentials(everyone)},
                        **{each.name: {"plan": "dev", "memory": f"{each.memory}MiB",
                                       "credentials": credentials([(each.name, each.password)])} for each in self.tenants}},
        }

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.admin}/readyz", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False


def credentials(users):
    return [{"username": name, "password": password} for name, password in users]


class MctenantTwo(Mctenant):
    title, workers = "mctenant, 2 workers, signed in", 2


class MctenantUnix(Mctenant):
    """Beside its server on one machine, as `./dev run` and a laptop have it."""

    title, measures = "mctenant, 1 worker, its server on a unix socket", ("load",)

    def start_server(self):
        self.behind = os.path.join(self.folder, "memcached.sock")
        as_root = ["-u", "root"] if os.geteuid() == 0 else []
        self.server = self.spawn("memcached", ["memcached", "-s", self.behind, *self.server_options(), *as_root],
                                 self.settings.server_cores)
        self.wait_until(lambda: os.path.exists(self.behind))
        self.servers = [self.behind]


class MctenantText(Mctenant):
    """The load generator does not sign in by text, so a listener bound to the credential does."""

    title, protocol, signs_in, measures = "mctenant, 1 worker, text", "text", False, ("load",)

    def configure(self):
        configuration = super().configure()
        configuration["listeners"] = [{"address": self.address, "credential": self.username}]
        return configuration


class MctenantMeta(MctenantText):
    title, protocol, without = "mctenant, 1 worker, meta", "meta", ("100 B, multi-get of 16",)


class Floor(Target):
    """The system's part of what any such proxy costs."""

    title, program, measures, without = "the floor: the system calls alone", "mcfloor", ("load", "half-load", "profile"), ("100 B, multi-get of 16",)

    def start(self):
        self.start_server()
        program = os.path.join(os.path.dirname(self.settings.mctenant), "tests", "bench", "mcfloor")
        self.front = self.spawn("mcfloor", [program, self.address.split(":")[1], self.behind.split(":")[1]],
                                self.settings.front_cores)
        self.wait_until(lambda: connects(self.address))


KINDS = {"memcached": Direct, "memcached-sasl": DirectSasl, "memcached-sasl-4": DirectSaslStock, "twemproxy": Twemproxy, "haproxy": Haproxy,
         "haproxy-splice": HaproxySplice, "floor": Floor, "mctenant": Mctenant, "mctenant-2": MctenantTwo,
         "mctenant-unix": MctenantUnix, "mctenant-text": MctenantText, "mctenant-meta": MctenantMeta}
NAMES = tuple(KINDS)


def is_for(name, measure):
    return KINDS[name].measures is None or measure in KINDS[name].measures


def missing(name, settings):
    """Why a target can't be measured here, or None."""
    kind = KINDS[name]
    needed = ["memcached"] if issubclass(kind, (Mctenant, Floor)) else [kind.program]
    if kind.signs_in and not issubclass(kind, Mctenant):
        needed += ["memcached", "saslpasswd2"]
    for program in needed:
        if not environment.program(program):
            return f"{program} is not installed"
    if issubclass(kind, Mctenant) and not os.access(settings.mctenant, os.X_OK):
        return f"no program at {settings.mctenant}"
    return None


@contextlib.contextmanager
def start(name, folder, settings, **options):
    target = KINDS[name](folder, settings, **options)
    target.name = name
    try:
        target.start()
        yield target
        for process_name, process in target.processes:
            if process.poll() is not None:
                raise RuntimeError(f"{process_name} ended under load with {process.returncode}: {target.log(process_name)}")
    finally:
        target.stop()
