"""A holds 20 MiB within its 25; B stores 1 GiB through its own 25: A loses nothing."""

from table import Row
from world import ITEM_OVERHEAD, MIB, NAMESPACE, world

NAME = "neighbour"
QUOTA = 25 * MIB
HELD = 20 * MIB
KEY_SIZE = 20
SMALLEST, LARGEST = 100, 8000
ITEMS_OF_A = HELD // (ITEM_OVERHEAD + len(f"{NAMESPACE}.1.0:") + KEY_SIZE + (SMALLEST + LARGEST) // 2)
A = ("--keys", ITEMS_OF_A, "--key-size", KEY_SIZE, "--min-value", SMALLEST, "--max-value", LARGEST)
B = ("--connections", 4, "--depth", 32, "--random", "--keys", 10**12, "--min-value", 1, "--max-value", 16384)


def servers_like():
    """Their `limit_maxbytes` together twice the quotas' sum."""
    return {"servers": 2, "server_mb": 2 * QUOTA // MIB}


def run(settings):
    volume = (256 if settings.quick else 1024) * MIB
    with world(settings, {"a": QUOTA, "b": QUOTA}, **servers_like()) as here:
        stored = here.run("store", *A, tenant="a")
        before = here.stats()["a"]
        flood = here.run("store", *B, "--bytes", volume, tenant="b")
        read = here.run("read", *A, tenant="a")
        after = here.stats()
        a = after["a"]
        yield Row(NAME, f"A's {stored['stored']:,} items ({int(before['bytes']) / MIB:.1f} MiB) after B stored "
                  f"{flood['stored_bytes'] / MIB:,.0f} MiB", f"{read['misses']} missing, {read['wrong']} wrong, "
                  f"{int(before['curr_items']) - int(a['curr_items'])} gone by `stats`, {a['evictions']} evicted, "
                  f"{a.get('server_evictions')} by the servers", "0 of each",
                  read["hits"] == ITEMS_OF_A == stored["stored"] and not read["misses"] + read["wrong"] + read["refused"]
                  and a["curr_items"] == before["curr_items"] and a["evictions"] == "0" and a.get("server_evictions") == "0")
        b = after["b"]
        yield Row(NAME, "B's stores", f"{flood['stored']:,} stored, {flood['refused']} refused, {b['evictions']} evicted, holds "
                  f"{int(b['bytes']) / MIB:.2f} MiB", "0 refused, ≤ 25 MiB",
                  not flood["refused"] and flood["stored_bytes"] >= volume and int(b["bytes"]) <= QUOTA)
