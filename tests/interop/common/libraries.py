"""The client libraries: what runs each one's script, what it needs, and what must be made ready first."""

import glob
import os
import shutil
import subprocess

PYTHON = "/usr/bin/python3"  # Debian's, which sees Debian's packages


class Library:
    """`way` is how it comes in: by the "binary" protocol, by "text", by "tls-binary" or "tls-text", or by a "sidecar", a listener
    that is bound to the user, since it can't sign in."""

    def __init__(self, name, command, needs, prepare=None, isolation=True, way="binary"):
        self.name, self.command, self.needs, self.isolation, self.way = name, command, needs, isolation, way
        self._prepare = prepare

    def prepare(self, folder):
        if self._prepare:
            self._prepare(self, folder)
        if not shutil.which(self.command[0]):
            raise FileNotFoundError(f"{self.command[0]} is not installed")


def _run(command, **kwargs):
    subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                   timeout=300, **kwargs)


def _build_cpp(source, built):
    def prepare(library, folder):
        if os.path.exists(built):
            library.command = [built]
            return
        binary = os.path.join(folder, "interop_libmemcached")
        _run(["g++", "-std=c++20", "-O1", source, "-o", binary, "-lmemcached"])
        library.command = [binary]
    return prepare


def _install_npm(where):
    def prepare(_library, _folder):
        # The packages that the lock file names, unless they stand there already.
        if not glob.glob(os.path.join(where, "node_modules", "memjs*", "package.json")):
            _run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=where)
    return prepare


def _compile_java(source):
    def prepare(library, folder):
        jars = "/usr/share/java/spymemcached.jar"
        if not os.path.exists(jars):
            raise FileNotFoundError(f"{jars} is not installed")
        classes = os.path.join(folder, "java")
        _run(["javac", "-nowarn", "-cp", jars, "-d", classes, source])
        # Small and quick to start: the client is what is tested, not the compiler behind it.
        library.command = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-ea",
                           "-cp", f"{jars}:{classes}", "SpymemcachedTest"]
    return prepare


def _compile_go(source):
    def prepare(library, folder):
        binary = os.path.join(folder, "gomemcache_test")
        environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "",
                       "GOCACHE": os.path.join(folder, "go-cache")}
        _run(["go", "build", "-o", binary, source], env=environment)
        library.command = [binary]
    return prepare


def _needs_file(path):
    def prepare(_library, _folder):
        if not os.path.exists(path):
            raise FileNotFoundError(f"{path} is not installed")
    return prepare


def all_libraries(here, root):
    clients = os.path.join(here, "clients")
    memjs = os.path.join(here, "memjs")
    built = os.path.join(os.environ.get("INTEROP_BIN", os.path.join(root, "build", "release", "tests", "interop")),
                         "interop_libmemcached")

    def script(runner, name):
        return [runner, os.path.join(clients, name)]

    return [
        Library("libmemcached", ["interop_libmemcached"], "libmemcached-dev",
                _build_cpp(os.path.join(clients, "libmemcached_test.cc"), built)),
        Library("tools", script("bash", "tools_test.sh"), "libmemcached-tools"),
        Library("pylibmc", script(PYTHON, "pylibmc_test.py"), "python3-pylibmc"),
        Library("django", script(PYTHON, "django_test.py"), "python3-django python3-pylibmc"),
        Library("bmemcached", script(PYTHON, "bmemcached_test.py"), "python3-binary-memcached"),
        Library("bmemcached-tls", script(PYTHON, "bmemcached_test.py"), "python3-binary-memcached", isolation=False, way="tls-binary"),
        Library("dalli", script("ruby", "dalli_test.rb"), "ruby ruby-dalli"),
        Library("php", script("php", "php_test.php"), "php-cli php-memcached"),
        Library("memjs", ["node", os.path.join(memjs, "memjs_test.js")], "nodejs npm", _install_npm(memjs)),
        Library("memjs-0.6", ["node", "--no-deprecation", os.path.join(memjs, "memjs_0_6_test.js")], "nodejs npm",
                _install_npm(memjs), isolation=False),
        Library("spymemcached", ["java"], "libspymemcached-java openjdk-17-jdk-headless",
                _compile_java(os.path.join(clients, "SpymemcachedTest.java"))),
        Library("pymemcache", script(PYTHON, "pymemcache_test.py"), "python3-pymemcache", way="text"),
        Library("pymemcache-tls", script(PYTHON, "pymemcache_test.py"), "python3-pymemcache", isolation=False, way="tls-text"),
        Library("python-memcached", script(PYTHON, "python_memcached_test.py"), "python3-memcache", isolation=False, way="text"),
        Library("perl-fast", script("perl", "cache_memcached_fast_test.pl"), "libcache-memcached-fast-perl", way="text"),
        Library("php-memcache", script("php", "php_memcache_test.php"), "php-cli php-memcache", isolation=False, way="text"),
        Library("php-text", script("php", "php_text_test.php"), "php-cli php-memcached", isolation=False, way="text"),
        Library("pylibmc-text", script(PYTHON, "pylibmc_text_test.py"), "python3-pylibmc", isolation=False, way="text"),
        Library("gomemcache", ["gomemcache_test"], "golang-go golang-github-bradfitz-gomemcache-dev",
                _compile_go(os.path.join(clients, "gomemcache_client.go")), isolation=False, way="sidecar"),
        Library("nginx-memc", script(PYTHON, "nginx_memc_test.py"), "nginx libnginx-mod-http-memc",
                _needs_file("/usr/lib/nginx/modules/ngx_http_memc_module.so"), isolation=False, way="sidecar"),
        Library("meta", script("bash", "meta_test.sh"), "bash", isolation=False, way="text"),
        Library("meta-tls", script("bash", "meta_test.sh"), "openssl", isolation=False, way="tls-text"),
        Library("replays", [PYTHON, os.path.join(here, "replays", "replays.py")], "python3", isolation=True),
    ]
