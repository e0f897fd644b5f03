"""Compares two servers' answers, and knows where mctenant is right to answer otherwise than memcached."""

import base64
import itertools
import re

import frames
import lines
from conversation import without_prefix


TOO_LARGE = b"SERVER_ERROR object too large for cache".split()


class Difference:
    def __init__(self, at, reference, subject):
        self.at, self.reference, self.subject = at, reference, subject

    def lines(self):
        return [f"answer {self.at + 1} differs:", f"  memcached: {_text(self.reference)}", f"  mctenant:  {_text(self.subject)}"]


def _text(reply):
    return "none, the connection is closed" if reply is None else without_prefix(reply.text())


class Wrong:
    """Another answer than the one that is written down."""

    def __init__(self, wanted, got):
        self.wanted, self.got = wanted, got

    def lines(self):
        return ["mctenant was to answer:", *[f"= {line}" for line in self.wanted], "it answered:", *[f"= {line}" for line in self.got]]


def written_difference(conversation, reference, subject):
    """For a conversation with `differs`: mctenant must answer as written, and memcached must not. In what is written, * stands
    for any text."""
    got, direct = [[_text(reply) for replies in side for reply in replies] for side in (subject, reference)]
    if not _matches(conversation.answers, got):
        return Wrong(conversation.answers, got)
    if conversation.always and direct == got:
        return Wrong(["otherwise than memcached, as the file says"], got)
    return None


def _matches(wanted, got):
    return len(wanted) == len(got) and all(re.fullmatch(".*".join(map(re.escape, one.split("*"))), other)
                                           for one, other in zip(wanted, got))


def first_difference(protocol, reference, subject, counted=None):
    """The first difference that is not allowed, or None, between the answers on each connection. `counted` gets how often each
    allowed one was met."""
    for mine, its in itertools.zip_longest(reference, subject, fillvalue=()):
        difference = _difference(RULES[protocol], mine, its, {} if counted is None else counted)
        if difference:
            return difference
    return None


def first_difference_of_equals(protocol, one, other):
    """The same for two memcacheds, of which either may be the one that a rule is about."""
    return first_difference(protocol, one, other) and first_difference(protocol, other, one)


def _difference(rules, reference, subject, counted):
    for at, (mine, its) in enumerate(itertools.zip_longest(reference, subject)):
        if type(mine) is type(its) and mine.same(its):
            continue
        allowed = next(((rule, verdict) for rule in rules if (verdict := rule(mine, its, reference[:at]))), None)
        if allowed is None:
            return Difference(at, mine, its)
        rule, verdict = allowed
        counted[rule.__name__] = counted.get(rule.__name__, 0) + 1
        if verdict == "end":
            return None
    return None


# ---- The allowed differences: each function says why. Its answer is falsy, "here", or "end" (nothing behind it is compared).

def touch_answers_no_flags(mine, its, before):
    """memcached sends the item's flags with a touch; the protocol's document has none, and spymemcached 2.8.9 trips over them."""
    del before
    return (_both(mine, its) and mine.opcode == its.opcode == frames.OPCODES["touch"] and mine.status == its.status == 0
            and len(mine.extras) == 4 and its.extras == b"" and _alike(mine, its, "key", "value", "opaque", "cas") and "here")


def malformed_frames_are_survived(mine, its, before):
    """After a frame that it refuses as invalid, or an unknown one with a body, memcached is deaf or closes; mctenant
    drops the frame's body and serves what stands behind it. A body that is shorter than its parts is invalid to mctenant, and
    unknown to memcached."""
    if _both(mine, its) and (mine.status, its.status) == (0x81, 0x04):
        return mine.opcode == its.opcode and mine.opaque == its.opaque and "here"
    return (mine is None and before and any(isinstance(each, frames.Reply) and each.status in (0x04, 0x81)
                                            for each in (before[-1], its)) and "end")


def grown_too_large_is_told(mine, its, before):
    """An append or prepend that would pass the size limit: memcached says that it is not stored, mctenant why."""
    del before
    if isinstance(mine, lines.Line) and isinstance(its, lines.Line):
        return mine.tokens[0] in (b"NOT_STORED", b"NS") and its.tokens == TOO_LARGE and "here"
    return (_both(mine, its) and mine.opcode == its.opcode and frames.opcode_name(mine.opcode).startswith(("append", "prepend"))
            and (mine.status, its.status) == (0x05, 0x03) and mine.opaque == its.opaque and "here")


def keys_come_back_as_asked(mine, its, before):
    """memcached gives a key back in base64 if the item was stored by a key in base64, mctenant if it was asked for so."""
    del before
    if not (isinstance(mine, lines.Line) and isinstance(its, lines.Line)) or mine.data != its.data:
        return False
    if mine.tokens[0] == its.tokens[0] == b"ME" and len(mine.tokens) > 2:
        return (lines.Line(mine.tokens[2:]).same(lines.Line(its.tokens[2:])) and base64.b64encode(its.tokens[1]) == mine.tokens[1]
                and "here")
    (one, rest), (other, other_rest) = _without_key(mine.tokens), _without_key(its.tokens)
    return one is not None and one == other and lines.Line(rest).same(lines.Line(other_rest)) and "here"


def _without_key(tokens):
    """The key that the flag k gives back, decoded, and the tokens but for it and for b."""
    found = [token for token in tokens[1:] if isinstance(token, bytes) and token[:1] == b"k"]
    rest = [token for token in tokens if token not in found and token != b"b"]
    if len(found) != 1:
        return None, rest
    return (base64.b64decode(found[0][1:]) if b"b" in tokens else found[0][1:]), rest


def verbosity_is_served(mine, its, before):
    """memcached 1.6.18 does not know VERBOSITY, which some clients send; to mctenant it is a command that changes nothing."""
    del before
    return (_both(mine, its) and mine.opcode == its.opcode == frames.OPCODES["verbosity"] and mine.status == 0x81
            and mine.opaque == its.opaque and "here")


def a_shorter_number_may_be_padded(mine, its, before):
    """memcached writes a number that got shorter into the old item, with spaces behind it, unless something else looks at that
    item just then, be it its own maintenance."""
    del before
    if _both(mine, its):
        return _padded(mine.value, its.value) and _alike(mine, its, "opcode", "status", "extras", "key", "opaque", "cas") and "here"
    if not (isinstance(mine, lines.Line) and isinstance(its, lines.Line)) or mine.data is None or its.data is None:
        return False
    return _padded(mine.data, its.data) and lines.Line(_without_sizes(mine)).same(lines.Line(_without_sizes(its))) and "here"


def _padded(one, other):
    return one.rstrip(b" ") == other.rstrip(b" ") and one.rstrip(b" ").isdigit()


def _without_sizes(line):
    sizes = {b"%d" % len(line.data), b"s%d" % len(line.data)}
    return [line.tokens[0]] + [token for token in line.tokens[1:] if token not in sizes]


def _both(mine, its):
    return isinstance(mine, frames.Reply) and isinstance(its, frames.Reply)


def _alike(mine, its, *names):
    return all(getattr(mine, name) == getattr(its, name) for name in names)


RULES = {
    "binary": (touch_answers_no_flags, malformed_frames_are_survived, grown_too_large_is_told,
               verbosity_is_served, a_shorter_number_may_be_padded),
    "text": (grown_too_large_is_told, a_shorter_number_may_be_padded),
    "meta": (grown_too_large_is_told, keys_come_back_as_asked, a_shorter_number_may_be_padded),
}
