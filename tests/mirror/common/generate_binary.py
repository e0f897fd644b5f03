"""Random conversations in the binary protocol."""

from conversation import Conversation, to_text

KEYS = ["{a}", "{b}", "{c}", "{d}", "{e:250}", "{f:249}", "{g}\\x20\\r\\n\\x00\\xff", "~{h}", "\\xc3\\xbc{i}"]
# A number of 2^63 and more memcached takes for a number at times, and at others not: none grows so large.
NUMBERS = ["0", "1", "7", "99", "100", "65535", "0007", "5\\x20\\x20"]
TEXTS = ["abc", "x", "12x", "-1", "\\x00\\xff\\x80", "VALUE\\x20a\\x200\\x201", "{fill:100}"]
# memcached counts on from what stands behind such a value, whatever that is: these are for keys that nobody counts with.
BLANK = ["", "\\x20", "\\r\\n"]
# 1 MiB counts key and value with mctenant, the whole item with memcached: nothing between the two is sent.
LARGE = ["{fill:2000}", "{fill:16300}", "{fill:70000}"]
HUGE = ["{fill:600000}", "{fill:1048000}", "{fill:1048577}", "{fill:1200000}"]
EXPIRIES = ["0", "0", "0", "100", "2592000", "2592001", "0xffffffff", "0x80000000", "0x7fffffff", "1"]
FOREVER = ["0", "100", "1900000000"]

COMMANDS = (
    ("get", 9), ("getq", 4), ("getk", 4), ("getkq", 5), ("set", 10), ("setq", 5), ("add", 5), ("addq", 3), ("replace", 5), ("replaceq", 3),
    ("append", 5), ("appendq", 3), ("prepend", 4), ("prependq", 2), ("delete", 4), ("deleteq", 2), ("incr", 5), ("incrq", 3), ("decr", 4),
    ("decrq", 2), ("touch", 3), ("gat", 3), ("gatq", 2), ("gatk", 2), ("gatkq", 2), ("noop", 2), ("sync", 1))
NAMES, WEIGHTS = [name for name, _ in COMMANDS], [weight for _, weight in COMMANDS]


class Settling:
    """Keeps conversations to what memcached itself answers the same every time."""

    def choose_keys(self, keys):
        self.keys = self.random.sample(keys, self.random.choice((1, 2, 2, 3, 5)))
        self.counted = self.keys[:(len(self.keys) + 1) // 2]
        self.unsettled = set()

    def over_two_connections(self, units):
        """The steps of all units, in one conversation of ten spread over two connections."""
        spread, part = [], 0.25 if self.random.random() < 0.1 else 0
        for unit in units:
            if self.random.random() < part:
                spread.append(f"on {self.random.choice((1, 2))}")
            spread += unit
        return spread

    def settled(self, counts, key, lines):
        """memcached writes a shorter number into the old item, padded, unless an answer with that item is still on its way:
        so such answers are waited for before a key is counted with."""
        if counts and key in self.unsettled:
            lines = ["sync", *lines]
            self.unsettled.clear()
        self.unsettled.add(key)
        return lines


class Generator(Settling):
    def __init__(self, random):
        self.random = random
        self.choose_keys(KEYS)
        self.large = random.random() < 0.06
        self.huge = random.random() < 0.02

    def conversation(self, name):
        random = self.random
        steps = self.over_two_connections([self.step() for _ in range(random.choice((3, 8, 15, 30, 60)) if not self.huge else 8)])
        if random.random() < 0.02:
            steps.insert(random.randrange(len(steps)), "wait 4.3")
        if random.random() < 0.10 and not any(step.startswith("on ") for step in steps):
            # Behind what it refuses memcached may close and lose answers that it owes.
            steps += ["sync", self.malformed()]
        elif random.random() < 0.05:
            steps += ["sync", random.choice(("quit", "quitq")), *self.step()]
        # What quiet commands did is seen at the end.
        steps += [f"getk {key}" for key in self.keys]
        cut = (random.randrange(1000), random.choice((1, 10, 40, 3000))) if random.random() < 0.3 else None
        if cut and (self.large or self.huge):
            cut = (cut[0], 30000)
        return Conversation("binary", name, steps, cut)

    def step(self):
        random = self.random
        word = random.choices(NAMES, WEIGHTS)[0]
        if word in ("noop", "sync"):
            return [word]
        base = word.removesuffix("q")
        counts = base in ("incr", "decr")
        key = random.choice(self.counted if counts else self.keys)
        fields = [word, key]
        if base in ("set", "add", "replace"):
            if random.random() < 0.5:
                fields.append(f"flags={random.choice((1, 5, 0xffffffff, 0x80000000))}")
            self.expiry(fields)
        if counts:
            fields.append(f"delta={random.choice((0, 1, 1, 3, 10, 1000, 1000000))}")
            if random.random() < 0.5:
                fields.append(f"initial={random.choice((0, 1, 10, 99, 1234567890))}")
                fields.append(f"expiry={random.choice(FOREVER)}")
        if base in ("touch", "gat", "gatk"):
            self.expiry(fields)
        if base in ("set", "add", "replace", "append", "prepend"):
            fields.append(f"value={self.value(base, key)}")
        if base not in ("get", "getk", "touch", "gat", "gatk") and random.random() < 0.2:
            fields.append(f"cas={random.choice(('last', 'last', 'first', '@1', '1777777777', '0xffffffffffffffff'))}")
        if random.random() < 0.05:
            fields.append(f"opaque={random.randrange(2**31)}")
        if random.random() < 0.02:
            fields.append(f"vbucket={random.randrange(2**16)}")
        return self.settled(counts, key, [" ".join(fields)])

    def expiry(self, fields):
        if self.random.random() < 0.25:
            expiry = self.random.choice(EXPIRIES)
            # What lives for a second may be gone at the next look, or not: only longer and gone at once can be told.
            fields.append(f"expiry={'3' if expiry == '1' else expiry}")

    def value(self, base, key):
        random = self.random
        if self.huge and random.random() < 0.5:
            return random.choice(HUGE)
        if self.large and random.random() < 0.5:
            return random.choice(LARGE)
        if base in ("append", "prepend"):
            return random.choice(("1", "0", "abc", "", "{fill:50}"))
        return random.choice(NUMBERS if random.random() < 0.5 else TEXTS if key in self.counted else TEXTS + BLANK)

    def malformed(self):
        """What memcached refuses as no good frame: it closes on most of them, so that it stands near the end."""
        random, key = self.random, self.random.choice(self.keys)
        return random.choice((
            f"get {key} extras=00000000", f"get {key} value=x", "get", f"set {key} extras= value=x", f"set {key} extras=00000000 value=x",
            "set value=x", f"delete {key} value=x", f"delete {key} extras=00", "delete", f"incr {key} extras=0000000000000001",
            f"incr {key} value=1", "incr", f"append {key} extras=00 value=x", "append value=x", f"touch {key} extras=", f"gat {key} extras=0000",
            "noop value=x", f"noop {key}", f"quit {key}", "version value=x", f"version {key}", f"flush {key}",
            "flush extras=0000000000", f"get {key} bodylen=1", f"set {key} bodylen=3 value=x", f"op{random.choice((0x25, 0x40, 0x7f, 0xff)):02x}",
            f"op55 {key} value=x", "op1f", f"verbosity {key}", "verbosity", "raw " + to_text(bytes([random.choice((0, 0x81, 0xff))]) * 24)))
