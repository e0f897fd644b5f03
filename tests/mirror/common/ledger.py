"""What mctenant's ledger says that its tenants hold must be what the servers behind hold: after all these conversations, too."""

import re
import time
import urllib.request

import servers

NAMESPACE = "mirror"
SETTLED_WITHIN = 20.0

CLOCKS_APART = 3

_ITEM = re.compile(rb"^key=%s\.(\d+)\.\d+(?:%%3A|~)\S* exp=(-?\d+) .*\bsize=(\d+)" % NAMESPACE.encode(), re.MULTILINE)


def _dump(address):
    with servers.connect(address) as plain, plain.makefile("rb") as answer:
        for _ in range(200):
            plain.sendall(b"lru_crawler metadump hash\r\n")
            told = [answer.readline()]
            if not told[0].startswith(b"BUSY"):
                while told[-1] not in (b"END\r\n", b""):
                    told.append(answer.readline())
                return b"".join(told)
            time.sleep(0.05)  # mctenant reads one, too
    raise RuntimeError(f"memcached at {address} gives no dump")


def held(addresses, ids):
    """Of each tenant ((items, bytes), (items, bytes)) from the servers' own lists: what is there for certain, and with what is about to
    expire, of which one second more or less of a clock decides. `ids`: tenants by their ids."""
    sums = {name: ([0, 0], [0, 0]) for name in ids.values()}
    for address in addresses:
        dump, now = _dump(address), time.time()
        for tenant, expiry, size in _ITEM.findall(dump):
            certain, most = sums[ids[int(tenant)]]
            # What has expired by now may still be listed, and has left the ledger.
            for each in (certain, most) if int(expiry) < 0 or int(expiry) > now + CLOCKS_APART else (most,):
                each[0] += 1
                each[1] += int(size)
    return {name: (tuple(certain), tuple(most)) for name, (certain, most) in sums.items()}


def accounted(admin_port, names):
    """The same from mctenant's metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/metrics", timeout=10) as answer:
        text = answer.read().decode()

    def figure(metric, name):
        return int(float(re.search(rf'^{metric}{{tenant="{name}"}} (\S+)$', text, re.MULTILINE).group(1)))
    return {name: (figure("mctenant_tenant_items", name), figure("mctenant_tenant_memory_bytes", name)) for name in names}


def gaps(addresses, admin_port, ids):
    """What is apart for good, as text, a line a tenant. What is under way (probes, deletes of what was flushed) is waited for."""
    deadline = time.monotonic() + SETTLED_WITHIN
    while True:
        told, truth = accounted(admin_port, ids.values()), held(addresses, ids)
        apart = [name for name in told if not _between(told[name], *truth[name])]
        if not apart or time.monotonic() > deadline:
            return [f"{name}: {told[name]} items and bytes in the ledger, {truth[name][0]} to {truth[name][1]} on the servers" for name in apart]
        time.sleep(0.25)


def _between(told, least, most):
    return all(low <= figure <= high for low, figure, high in zip(least, told, most))
