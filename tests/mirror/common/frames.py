"""The binary protocol: lines of a conversation to frames, and replies to what can be compared."""

import struct

from conversation import cas_of, to_bytes, to_text

HEADER = struct.Struct("!BBHBBHIIQ")
NAMES = (
    "get set add replace delete incr decr quit flush getq noop version getk getkq append prepend stat setq addq replaceq deleteq "
    "incrq decrq quitq flushq appendq prependq verbosity touch gat gatq").split() + ["op1f", "sasl_list", "sasl_auth", "sasl_step",
                                                                                    "gatk", "gatkq"]
OPCODES = {name: code for code, name in enumerate(NAMES)}
STORES = {"set", "add", "replace", "setq", "addq", "replaceq"}
COUNTS = {"incr", "decr", "incrq", "decrq"}
TOUCHES = {"touch", "gat", "gatq", "gatk", "gatkq"}
NEVER = 0xffffffff
END = 0xfeedfeed  # the opaque of what ends a conversation
SYNC = 0xfeed0000  # and of what is waited for: these, counted up

OVERRIDES = {"magic", "keylen", "extlen", "bodylen", "datatype", "vbucket", "opaque", "cas", "extras", "value"}


def opcode_name(opcode):
    return NAMES[opcode] if opcode < len(NAMES) else f"op{opcode:02x}"


def sync_bytes(number):
    return HEADER.pack(0x80, OPCODES["noop"], 0, 0, 0, 0, 0, SYNC + number, 0)


END_BYTES = HEADER.pack(0x80, OPCODES["noop"], 0, 0, 0, 0, 0, END, 0)


def synced(received, number):
    """Whether the answer to sync_bytes has come, which is the last thing that does."""
    return received.endswith(struct.pack("!IQ", SYNC + number, 0)) and received[-24:-22] == b"\x81\x0a"


def sign_in(username, password):
    key, value = b"PLAIN", b"\0" + username.encode() + b"\0" + password.encode()
    return HEADER.pack(0x80, OPCODES["sasl_auth"], len(key), 0, 0, 0, len(key) + len(value), 0, 0) + key + value


def after_sign_in(received):
    """What stands behind the answer to sign_in, or None if that has not come whole; ValueError if it was refused."""
    if len(received) < 24:
        return None
    _, _, _, _, _, status, body, _, _ = HEADER.unpack_from(received)
    if len(received) < 24 + body:
        return None
    if status != 0:
        raise ValueError(f"the sign-in was refused with status {status:#x}")
    return received[24 + body:]


def encode(line, number, prefix, told):
    """The bytes of a line; `number` is its place in the conversation, from 1, and its opaque."""
    word, *words = line.split()
    if word == "raw":
        return to_bytes(words[0], prefix, told)
    fields, key = {}, b""
    for each in words:
        name, equals, text = each.partition("=")
        if equals and not each.startswith("{") and "{" not in name:
            fields[name] = text
        else:
            key = to_bytes(each, prefix, told)
    return _frame(word, key, fields, number, prefix, told)


def _integer(fields, name, otherwise):
    return int(fields[name], 0) if name in fields else otherwise


def _extras(word, fields):
    if "extras" in fields:
        return bytes.fromhex(fields["extras"])
    if word in STORES:
        return struct.pack("!II", _integer(fields, "flags", 0), _integer(fields, "expiry", 0))
    if word in COUNTS:
        return struct.pack("!QQI", _integer(fields, "delta", 1), _integer(fields, "initial", 0), _integer(fields, "expiry", NEVER))
    if word in TOUCHES:
        return struct.pack("!I", _integer(fields, "expiry", 0))
    if word in ("flush", "flushq") and "expiry" in fields:
        return struct.pack("!I", _integer(fields, "expiry", 0))
    return b""


def _cas(text, told):
    if text in ("last", "first"):
        return cas_of(text, told)
    return cas_of(text[1:], told) if text.startswith("@") else int(text, 0)


def _frame(word, key, fields, number, prefix, told):
    opcode = OPCODES[word] if word in OPCODES else int(word.removeprefix("op"), 16)
    extras = _extras(word, fields)
    value = to_bytes(fields["value"], prefix, told) if "value" in fields else b""
    body = extras + key + value
    return HEADER.pack(
        _integer(fields, "magic", 0x80), opcode, _integer(fields, "keylen", len(key)), _integer(fields, "extlen", len(extras)),
        _integer(fields, "datatype", 0), _integer(fields, "vbucket", 0), _integer(fields, "bodylen", len(body)),
        _integer(fields, "opaque", number), _cas(fields.get("cas", "0"), told)) + body


class Reply:
    """One reply; `cas` is its number in the order in which the connection was told them, 0 for none."""

    __slots__ = ("opcode", "status", "extras", "key", "value", "opaque", "cas", "odd")

    def __init__(self, header, body, cas):
        magic, self.opcode, key, extras, data_type, self.status, length, self.opaque, _ = header
        self.extras, self.key, self.value = body[:extras], body[extras:extras + key], body[extras + key:]
        self.cas = cas
        # What is the same in every good reply.
        self.odd = None if (magic, data_type) == (0x81, 0) and length >= key + extras else header

    def same(self, other):
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def text(self):
        if self.opcode == OPCODES["noop"] and self.opaque >= SYNC and not self.status:
            return "end" if self.opaque == END else "sync"
        parts = [opcode_name(self.opcode), f"status={self.status:#x}", f"opaque={self.opaque}"]
        if self.cas:
            parts.append(f"cas=@{self.cas - 1}")
        for name in ("extras", "key", "value"):
            data = getattr(self, name)
            if data:
                parts.append(f"{name}=" + (data.hex() if name == "extras" else shortened(to_text(data, spaces=False))))
        if self.odd:
            parts.append(f"header={self.odd}")
        return " ".join(parts)


class Rest:
    """Bytes that are no whole reply."""

    def __init__(self, data):
        self.data = data

    def same(self, other):
        return self.data == other.data

    def text(self):
        return "no reply: " + shortened(to_text(self.data))


def shortened(text):
    return text if len(text) <= 160 else f"{text[:100]}...{text[-40:]} ({len(text)} characters)"


def decode(received, told):
    """The replies in what was received. `told` gets the CAS values in the order of their first appearance."""
    replies, at, seen = [], 0, {cas: number for number, cas in enumerate(told, 1)}
    while len(received) - at >= 24:
        header = HEADER.unpack_from(received, at)
        end = at + 24 + header[6]
        if header[0] != 0x81 or end > len(received):
            break
        cas = header[8]
        if cas and cas not in seen:
            told.append(cas)
            seen[cas] = len(told)
        replies.append(Reply(header, received[at + 24:end], seen.get(cas, 0)))
        at = end
    if at < len(received):
        replies.append(Rest(received[at:]))
    return replies
