"""Makes a conversation that differs as short as it can be."""

import re

_STORE = re.compile(r"> (set|add|replace|append|prepend|cas|ms) ")


def shrink(conversation, differs):
    """The smallest part of it that still differs. `differs(conversation)` tries one."""
    if conversation.cut:
        whole = conversation.with_steps(conversation.steps)
        whole.cut = None
        if differs(whole):
            conversation = whole
    parts = _parts(conversation.steps)
    size = max(1, len(parts) // 2)
    while True:
        at, removed = 0, False
        while at < len(parts):
            fewer = parts[:at] + parts[at + size:]
            if differs(conversation.with_steps(sum(fewer, []))):
                parts, removed = fewer, True
            else:
                at += size
        if size == 1 and not removed:
            return conversation.with_steps(sum(parts, []))
        size = max(1, size // 2)


def _parts(steps):
    """A store and its data stay together: without the one the other is another request."""
    parts, stored = [], False
    for step in steps:
        if stored and step.startswith(">"):
            parts[-1].append(step)
        else:
            parts.append([step])
        stored = _STORE.match(step) is not None and len(parts[-1]) == 1
    return parts
