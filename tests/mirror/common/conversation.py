"""A conversation: what one client sends on one connection, as lines that people read and write.

The lines of every protocol:
    wait SECONDS        nothing is sent for so long (once all that was sent is answered)
    sync                goes on when all that was sent is answered
    on 2                goes on over a second connection of the same user, once all is answered (on 1: back over the first)
    alone               (first) no other is held at the same time: for what changes more than this conversation's keys
In text and meta:
    > BYTES             these bytes and CR LF
    >> BYTES            these bytes
In binary: a command of frames.py with its fields, as `set {a} value=abc flags=5`, or `raw BYTES`.

BYTES are printable ASCII, with Python's escapes for the rest (\\x00 \\r \\n \\\\); in binary a space is \\x20. In braces:
    {a}  {a:250}        a key of this conversation, and one filled up to 250 bytes; no other conversation has it
    {b64:a}             the key {a} in base64
    {fill:1000}         1000 bytes of no meaning; {fill:1000:7} another 1000
    {cas:last} {cas:first} {cas:2}
                        a CAS value that this connection was told (the last, the first, the one that came as number 2);
                        it is waited for. In binary it stands alone: cas=last cas=first cas=@2, and cas=1777777777 is that number
"""

import base64
import re
from dataclasses import dataclass, field

UNKNOWN_CAS = 0x6e6f6e65  # where no CAS was told: one that no item has
PREFIX_LENGTH = 8
PROTOCOLS = ("binary", "text", "meta")

_BRACE = re.compile(rb"\{([a-z0-9]+)(?::([a-z0-9]+))?(?::([0-9]+))?\}")
_CAS = re.compile(r"\{cas:|cas=(last|first|@)")
_PREFIX = re.compile(r"m[0-9a-z]{%d}\." % (PREFIX_LENGTH - 2))
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass
class Conversation:
    protocol: str
    name: str
    steps: list
    cut: tuple = None  # (seed, most): what is sent goes out in pieces of 1 to `most` bytes
    differs: str = None  # why mctenant rightly answers otherwise
    always: bool = True  # or only at times, since memcached does not answer the same every time
    answers: list = field(default_factory=list)  # and what: the lines of common/replies.py

    def lines(self):
        """As a file of conversations has it."""
        cut = f" cut={self.cut[0]}:{self.cut[1]}" if self.cut else ""
        return [f"conversation {self.name}{cut}", *self.steps]

    def alone(self):
        return self.steps[:1] == ["alone"]

    def waits(self):
        return any(step.startswith("wait ") for step in self.steps)

    def with_steps(self, steps):
        return Conversation(self.protocol, self.name, steps, self.cut, self.differs, self.always, self.answers)


def read_file(path, protocol):
    """The conversations of a file. A line `differs WHY`, or `may differ WHY`, and lines `= ANSWER` say where mctenant is right
    to answer otherwise than memcached does, always or at times."""
    found = []
    with open(path, encoding="ascii") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if not line.strip() or line.startswith("#"):
                continue
            word, _, rest = line.partition(" ")
            if word == "conversation":
                found.append(_begin(rest, protocol))
            elif not found:
                raise ValueError(f"{path}:{number}: a conversation begins with its name: {line}")
            elif word in ("differs", "may"):
                found[-1].differs, found[-1].always = rest.removeprefix("differ "), word == "differs"
            elif word == "=":
                found[-1].answers.append(rest)
            else:
                found[-1].steps.append(line)
    return found


def _begin(rest, protocol):
    words = rest.split()
    cut = None
    if words[-1].startswith("cut="):
        cut = tuple(int(number) for number in words.pop()[4:].split(":"))
    return Conversation(protocol, " ".join(words), [], cut)


def prefix_of(number):
    """The prefix of a conversation's keys: all are of one length, so that lengths don't depend on it."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _ALPHABET[digit] + digits
    return "m" + digits.rjust(PREFIX_LENGTH - 2, "0") + "."


def without_prefix(text):
    """An answer as people read it, whichever number the conversation had: {}a is the key {a}."""
    return _PREFIX.sub("{}", text)


def needs_cas(step):
    return _CAS.search(step) is not None


def fill(length, seed=0):
    start = f"{length}.{seed}:".encode()
    block = bytes((index * 7 + seed) % 94 + 33 for index in range(997)).replace(b"{", b"(").replace(b"}", b")")
    return (start + block * (length // len(block) + 1))[:length]


def cas_of(which, told):
    """The CAS value that a reference names, of those that were told so far in order."""
    if not told:
        return UNKNOWN_CAS
    if which == "last":
        return told[-1]
    index = 0 if which == "first" else int(which)
    return told[min(index, len(told) - 1)]


def to_bytes(text, prefix, told=()):
    """BYTES as they are sent."""
    data = text.encode("ascii")
    if b"\\" in data:
        data = text.encode("ascii").decode("unicode_escape").encode("latin-1")
    if b"{" not in data:
        return data

    def replace(match):
        name, argument, more = (None if group is None else group.decode() for group in match.groups())
        if name == "fill":
            return fill(int(argument), int(more or 0))
        if name == "cas":
            return b"%d" % cas_of(argument, told)
        if name == "b64":
            return base64.b64encode((prefix + argument).encode())
        key = (prefix + name).encode()
        return key if argument is None else key.ljust(int(argument), key[-1:])
    return _BRACE.sub(replace, data)


def to_text(data, spaces=True):
    """The reverse: bytes as a line may have them. Spaces stay where the line may have them."""
    out = []
    for byte in data:
        if byte == 0x5c:
            out.append("\\\\")
        elif 0x21 <= byte < 0x7f and byte not in b"{}" or (byte == 0x20 and spaces):
            out.append(chr(byte))
        else:
            out.append(f"\\x{byte:02x}")
    return "".join(out)
