"""Random conversations in the text and meta protocols."""

from conversation import Conversation
from generate_binary import BLANK, FOREVER, HUGE, LARGE, Settling

KEYS = ["{a}", "{b}", "{c}", "{d}", "{e:250}", "{f:249}", "~{h}", "\\xc3\\xbc{i}", "{j}\\x01", "{k}:/%"]
NUMBERS = ["0", "1", "7", "99", "100", "65535", "0007", "5  "]
TEXTS = ["abc", "x", "12x", "-1", "\\x00\\xff\\x80", "END", "VALUE a 0 1", "{fill:100}"]
EXPIRIES = ["100", "-1", "2592000", "2592001", "3", "1900000000"]


def size_of(value):
    """Of the bytes that a value of these tables becomes."""
    if value.startswith("{fill:"):
        return int(value[6:-1])
    return len(value.encode().decode("unicode_escape"))


class LinesGenerator(Settling):
    """What both have: the frame of a conversation, keys, values."""

    protocol, keys_of = "", KEYS

    def __init__(self, random):
        self.random = random
        self.choose_keys(self.keys_of)
        self.large = random.random() < 0.06
        self.huge = random.random() < 0.02

    def conversation(self, name):
        random = self.random
        steps = self.over_two_connections([self.step() if random.random() > 0.04 else random.choice(self.malformed())
                                           for _ in range(random.choice((3, 8, 15, 30, 60)) if not self.huge else 8)])
        if random.random() < 0.02:
            steps += ["wait 4.3", *self.step()]
        if random.random() < 0.03:
            steps += ["sync", "> quit", *self.step()]  # what stands behind may cost the answers that are on their way
        steps += self.end()
        cut = (random.randrange(1000), random.choice((1, 10, 40, 3000))) if random.random() < 0.3 else None
        if cut and (self.large or self.huge):
            cut = (cut[0], 30000)
        return Conversation(self.protocol, name, steps, cut)

    def key(self):
        return self.random.choice(self.keys)

    def value(self, key, short=False):
        random = self.random
        if self.huge and random.random() < 0.5:
            return random.choice(HUGE)
        if self.large and random.random() < 0.5:
            return random.choice(LARGE)
        if short:
            return random.choice(("1", "0", "abc", "", "{fill:50}"))
        return random.choice(NUMBERS if random.random() < 0.5 else TEXTS if key in self.counted else TEXTS + BLANK)

    def cas(self):
        return self.random.choice(("{cas:last}", "{cas:last}", "{cas:last}", "{cas:first}", "{cas:1}", "1777777777"))

    def chance(self, part):
        return self.random.random() < part


class TextGenerator(LinesGenerator):
    protocol = "text"

    COMMANDS = (("get", 10), ("gets", 8), ("set", 12), ("add", 5), ("replace", 5), ("append", 5), ("prepend", 4), ("cas", 7), ("delete", 5),
                ("incr", 6), ("decr", 5), ("touch", 4), ("gat", 3), ("gats", 3), ("mn", 1), ("verbosity", 1), ("sync", 1))
    NAMES, WEIGHTS = [name for name, _ in COMMANDS], [weight for _, weight in COMMANDS]

    def end(self):
        return ["> gets " + " ".join(self.keys)]

    def expiry(self):
        return self.random.choice(EXPIRIES) if self.chance(0.25) else "0"

    def noreply(self):
        return " noreply" if self.chance(0.25) else ""

    def step(self):
        random = self.random
        word = random.choices(self.NAMES, self.WEIGHTS)[0]
        if word == "sync":
            return ["sync"]
        if word == "mn":
            return ["> mn"]
        if word == "verbosity":
            return ["> verbosity 0" + self.noreply()]
        if word in ("get", "gets"):
            keys = random.choices(self.keys, k=random.choice((1, 1, 2, 3, 9)))
            self.unsettled.update(keys)
            return [f"> {word} " + " ".join(keys)]
        if word in ("gat", "gats"):
            keys = random.choices(self.keys, k=random.choice((1, 1, 2, 3)))
            self.unsettled.update(keys)
            return [f"> {word} {self.expiry()} " + " ".join(keys)]
        if word == "delete":
            return [f"> delete {self.key()}{' 0' if self.chance(0.1) else ''}{self.noreply()}"]
        if word in ("incr", "decr"):
            key = random.choice(self.counted)
            return self.settled(True, key, [f"> {word} {key} {random.choice(('0', '1', '1', '3', '1000', '1000000'))}{self.noreply()}"])
        if word == "touch":
            return [f"> touch {self.key()} {self.expiry()}{self.noreply()}"]
        return self.store(word)

    def store(self, word):
        key = self.key()
        value = self.value(key, word in ("append", "prepend"))
        flags = self.random.choice(("0", "0", "5", "4294967295"))
        cas = f" {self.cas()}" if word == "cas" else ""
        return self.settled(False, key, [f"> {word} {key} {flags} {self.expiry()} {size_of(value)}{cas}{self.noreply()}", f"> {value}"])

    def malformed(self):
        key, counted = self.key(), self.random.choice(self.counted)
        return (
            ["> get"], ["> gets"], ["> "], [">> \\n"], ["> nothing"], ["> GET " + key], ["> get  " + key], ["> get " + key + " "],
            [">> get " + key + "\\n"], [f"> set {key} 0 0"], [f"> set {key} 0 0 x", "> abc"], [f"> set {key} 0 0 -1", "> abc"],
            [f"> set {key} x 0 3", "> abc"], [f"> set {key} 0 x 3", "> abc"], [f"> set {key} 4294967296 0 3", "> abc"], [f"> set {key} -1 0 3", "> abc"],
            [f"> set {key} 0 0 3", "> abcd"], [f"> set {key} 0 0 3", ">> abcxx", "> mn"], [f"> set {key} 0 0 3 noreply", "> abcd"],
            [f">> set {key} 0 0 3\\nabc\\r\\n"], [f">> set {key} 0 0 3\\r\\nabc\\n", "> mn"], ["> set {l:251} 0 0 3", "> abc"], ["sync", "> get {l:251}"],
            ["sync", f"> get {key} {{l:251}}"], ["> delete {l:251}"], ["> incr {l:251} 1"], ["> touch {l:251} 0"], [f"> incr {counted}"], [f"> incr {counted} x"],
            [f"> incr {counted} -1"], [f"> decr {counted} 18446744073709551616"], [f"> incr {counted} 1 2"], ["> delete"], [f"> delete {key} 5"],
            [f"> delete {key} 0 x"], [f"> delete {key} x noreply"], ["> touch"], [f"> touch {key}"], [f"> touch {key} x"], ["> gat"], ["> gat 0"], [f"> gat x {key}"],
            [f"> cas {key} 0 0 3", "> abc"], [f"> cas {key} 0 0 3 x", "> abc"], ["> verbosity"], ["> verbosity x"], ["> mn 1"], [f"> set {key} 0 0 3 x", "> abc"],
            [f"> add {key} 0 0 3 4 5 6 7 8", "> abc"], ["> version2"], ["> flush_all x"], ["> " + "x" * 1000])


class MetaGenerator(LinesGenerator):
    protocol = "meta"

    COMMANDS = (("mg", 20), ("ms", 18), ("md", 7), ("ma", 10), ("me", 2), ("mn", 2), ("sync", 1))
    NAMES, WEIGHTS = [name for name, _ in COMMANDS], [weight for _, weight in COMMANDS]

    def __init__(self, random):
        super().__init__(random)
        self.opaque = 0

    def end(self):
        return [f"> mg {key} v f c t s h k" for key in self.keys]

    def written(self, key):
        """A key as a line has it, and the flags that belong to it: in base64 now and then."""
        if self.chance(0.15) and key in ("{a}", "{b}", "{c}", "{d}"):
            return key.replace("{", "{b64:"), ["b"]
        return key, []

    def flags(self, *groups):
        """Some of the flags of each (probability, flag, choices of its token)."""
        chosen = []
        for part, flag, *tokens in groups:
            if self.chance(part):
                chosen.append(flag + (str(self.random.choice(tokens)) if tokens else ""))
        return chosen

    def common(self):
        self.opaque += 1
        return self.flags((0.3, "k"), (0.3, f"O{self.opaque}"), (0.2, "q"))

    def line(self, word, key, middle, flags):
        key, more = self.written(key)
        flags += more
        if self.chance(0.02):
            flags.append(self.random.choice(("z", "y", "C", "T", "Tx", "N", "c", "E5", "MX", "D", "k", "!", "Fx", "O", "q", "S3", "x")))
        self.random.shuffle(flags)
        return "> " + " ".join([word, key, *middle, *flags])

    def step(self):
        word = self.random.choices(self.NAMES, self.WEIGHTS)[0]
        if word == "sync":
            return ["sync"]
        if word == "mn":
            return ["> mn"]
        key = self.random.choice(self.counted) if word == "ma" else self.key()
        if word == "me":
            return [f"> me {key}"]
        lines = getattr(self, word)(key, self.common())
        return self.settled(word == "ma", key, lines)

    def mg(self, key, flags):
        flags += self.flags((0.7, "v"), (0.3, "f"), (0.4, "c"), (0.3, "s"), (0.3, "t"), (0.2, "h"), (0.15, "l"), (0.12, "T", *EXPIRIES, 0),
                            (0.1, "N", 0, 30, 100), (0.1, "R", 5, 30, 200))
        return [self.line("mg", key, [], flags)]

    def ms(self, key, flags):
        mode = self.flags((0.45, "M", "S", "E", "A", "P", "R", "s", "e", "a", "p", "r"))
        value = self.value(key, bool(mode) and mode[0][1] in "aApP")
        flags += mode + self.flags((0.3, "c"), (0.3, "T", *EXPIRIES, 0), (0.3, "F", 0, 5, 4294967295), (0.15, "C", self.cas()), (0.08, "I"),
                                   (0.1, "s"), (0.05, "t"))
        if "I" in flags and any(flag.startswith("C{") for flag in flags):
            return self.ms_with_older(key, flags, value)
        return [self.line("ms", key, [str(size_of(value))], flags), f"> {value}"]

    def ms_with_older(self, key, flags, value):
        """With I an older CAS will do. Of two items, which may be on two servers, neither has the older; so it is the item's own."""
        flags = [flag for flag in flags if not flag.startswith("C{")] + ["C{cas:last}"]
        newer = [f"> ms {key} 1", "> 1"] if self.chance(0.7) else []
        return [f"> ms {key} 1 c", "> 1", *newer, self.line("ms", key, [str(size_of(value))], flags), f"> {value}"]

    def md(self, key, flags):
        flags += self.flags((0.2, "C", self.cas()), (0.35, "I"), (0.2, "T", "30", "100", "0", "-1"))
        return [self.line("md", key, [], flags)]

    def ma(self, key, flags):
        flags += self.flags((0.6, "v"), (0.4, "c"), (0.3, "t"), (0.4, "D", 0, 1, 3, 1000), (0.4, "M", "I", "D", "+", "-", "i", "d", "incr", "decr"),
                            (0.3, "N", *FOREVER), (0.25, "J", 0, 1, 10, 99), (0.15, "T", *EXPIRIES, 0), (0.12, "C", self.cas()))
        return [self.line("ma", key, [], flags)]

    def malformed(self):
        key, counted = self.key(), self.random.choice(self.counted)
        return (
            ["> mg"], ["> ms"], ["> md"], ["> ma"], ["> me"], ["> mg "], [f"> ms {key}"], [f"> ms {key} x", "> abc"], [f"> ms {key} -1", "> abc"],
            [f"> ms {key} 3", "> abcd"], [f"> ms {key} 3", ">> abcxx", "> mn"], [f"> ms {key} 3 q", "> abcd"], [f">> ms {key} 3\\nabc\\r\\n"], [f"> ms {key} S3", "> abc"],
            ["> mg {l:251} v"], ["> ms {l:251} 3", "> abc"], ["> md {l:251}"], ["> ma {l:251}"], ["> me {l:251}"], [f"> mg {key} v v"],
            [f"> mg {key} T"], [f"> mg {key} Tx v"], [f"> ms {key} 3 MX", "> abc"], [f"> ms {key} 3 Cx", "> abc"], [f"> ms {key} 3 T3 T4", "> abc"],
            [f"> ma {counted} MX"], [f"> ma {counted} Dx"], [f"> ma {counted} D-1"], ["> mg !!! b v"], [f"> md {key} Cx"], ["> mn x"], ["> mx a"],
            [f"> mg {key}  v"], [f"> ms {key} 3 q Oabcdefghijabcdefghijabcdefghijabcdefghij", "> abc"], [f">> mg {key} v\\n"],
            ["> MG a v"], [f"> mg {key} " + " ".join("v" * 30)],
            # memcached refuses it only when it has read or made the item: see differences.meta.
            ["> mg {o} O" + "x" * 33])
