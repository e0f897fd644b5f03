"""The text and meta protocols: lines of a conversation to bytes, and replies to what can be compared."""

from conversation import to_bytes, to_text
from frames import Rest, shortened

# What ends a conversation: no other answer looks like its one.
END_BYTES = b"md mirror-end Oend k\r\n"

_META = {b"HD", b"EN", b"NF", b"NS", b"EX"}


def sign_in(username, password):
    data = f"{username} {password}".encode()
    return b"set auth 0 0 %d\r\n%s\r\n" % (len(data), data)


def after_sign_in(received):
    end = received.find(b"\r\n")
    if end < 0:
        return None
    if received[:end] != b"STORED":
        raise ValueError(f"the sign-in was answered with {received[:end]!r}")
    return received[end + 2:]


def sync_bytes(number):
    return b"md mirror-sync-%d k\r\n" % number


def synced(received, number):
    return received.endswith(b"NF kmirror-sync-%d\r\n" % number)


def encode(line, number, prefix, told):
    del number
    if line.startswith(">> "):
        return to_bytes(line[3:], prefix, told)
    if line == ">":
        return b"\r\n"
    if line.startswith("> "):
        return to_bytes(line[2:], prefix, told) + b"\r\n"
    raise ValueError(f"no line of a conversation: {line}")


class Line:
    """One line of an answer, and the data behind it. A token is bytes, or a number that may differ a little."""

    __slots__ = ("tokens", "data")

    def __init__(self, tokens, data=None):
        self.tokens, self.data = tokens, data

    def same(self, other):
        return (self.data == other.data and len(self.tokens) == len(other.tokens)
                and all(_same_token(mine, its) for mine, its in zip(self.tokens, other.tokens)))

    def text(self):
        words = " ".join(to_text(token) if isinstance(token, bytes) else token.text() for token in self.tokens)
        if words.startswith("NF ") and "kmirror-" in words:
            return "end" if words.endswith("kmirror-end") else "sync"
        return shortened(words) + ("" if self.data is None else " + " + shortened(to_text(self.data)))


class Time:
    """Seconds: two servers look at their clocks a moment apart."""

    def __init__(self, name, value):
        self.name, self.value = name, value

    def text(self):
        return f"{self.name}{self.value}"


def _same_token(mine, its):
    if isinstance(mine, Time) and isinstance(its, Time):
        return mine.name == its.name and abs(mine.value - its.value) <= 2 and (mine.value < 0) == (its.value < 0)
    return mine == its


class _Numbers:
    def __init__(self, told):
        self.told, self.seen = told, {cas: number for number, cas in enumerate(told, 1)}

    def token(self, name, digits):
        """A CAS by its number in the order of first appearance."""
        cas = int(digits)
        if cas == 0:
            return name + b"0"
        if cas not in self.seen:
            self.told.append(cas)
            self.seen[cas] = len(self.told)
        return name + b"@%d" % (self.seen[cas] - 1)


def _flag(token, numbers):
    letter, rest = token[:1], token[1:]
    if letter == b"c" and rest.isdigit():
        return numbers.token(b"c", rest)
    if letter in (b"t", b"l") and rest.lstrip(b"-").isdigit():
        return Time(letter.decode(), int(rest))
    return token


def _debug_field(token, numbers):
    """A field of `me`. Size and class are of the server's key, which is longer with a tenant's prefix."""
    name, _, value = token.partition(b"=")
    if name == b"cas" and value.isdigit():
        return numbers.token(b"cas=", value)
    if name in (b"exp", b"la") and value.lstrip(b"-").isdigit():
        return Time(name.decode() + "=", int(value))
    return name if name in (b"size", b"cls") else token


def decode(received, told):
    replies, at, numbers = [], 0, _Numbers(told)
    while at < len(received):
        end = received.find(b"\r\n", at)
        if end < 0:
            replies.append(Rest(received[at:]))
            break
        words = received[at:end].split(b" ")
        at, length = end + 2, None
        if words[0] == b"VALUE" and len(words) in (4, 5) and words[3].isdigit():
            length = int(words[3])
            if len(words) == 5 and words[4].isdigit():
                words[4] = numbers.token(b"", words[4])
        elif words[0] == b"VA" and len(words) >= 2 and words[1].isdigit():
            length = int(words[1])
            words[2:] = [_flag(word, numbers) for word in words[2:]]
        elif words[0] in _META:
            words[1:] = [_flag(word, numbers) for word in words[1:]]
        elif words[0] == b"ME" and len(words) > 2:
            words[2:] = [_debug_field(word, numbers) for word in words[2:]]
        if length is None:
            replies.append(Line(words))
        elif received[at + length:at + length + 2] == b"\r\n":
            replies.append(Line(words, received[at:at + length]))
            at += length + 2
        else:
            replies += [Line(words), Rest(received[at:])]
            break
    return replies
