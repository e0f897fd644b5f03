#!/usr/bin/env python3
"""Checks that the sources stand as the house is built: which room includes which, and the few rules of every file.

    check_structure.py ROOT     prints each fault as FILE:LINE: what is wrong; exit 1 if there is any

src/README.md tells what each room is for. A wall is moved here and there, in one commit that says why.
"""

import pathlib
import re
import sys

# The rooms of src, and the rooms whose headers each may include beside its own.
ROOMS = {
    "base": "",
    "net": "base",
    "protocol": "base",
    "auth": "base",
    "tenant": "base auth",
    "quota": "base protocol tenant auth",
    "upstream": "base net protocol",
    "session": "base net protocol auth tenant quota upstream",
    "store": "base auth tenant",
    "config": "base net auth tenant upstream session",
    "admin": "base net",
    "server": "base net protocol auth tenant quota upstream session store config admin",
}
MAIN = "base auth config admin server"

# Libraries that only some rooms may see.
LIBRARIES = {
    "event2/": "net",
    "libmemcached": "upstream",
    "openssl/ssl.h": "net",
    "sasl/": "auth",
    "sqlite3": "store",
    "nlohmann/": "config admin server",
}

MAX_LINES = 600
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
# Homes and mount points: no such path is the same on another machine.
FOREIGN_PATH = re.compile(r"(?<![\w.])/(?:home|root|Users|mnt|media)/")


def room_of(path):
    """The room of a file named relative to src: "net" for net/stream.h, "main" for what stands in src itself."""
    return path.parts[0] if len(path.parts) > 1 else "main"


def allowed_rooms(room):
    return set(MAIN.split()) if room == "main" else {room, *ROOMS[room].split()}


def check_include(src, room, quote, name):
    if quote == "<":
        for library, rooms in LIBRARIES.items():
            if name.startswith(library) and room not in rooms.split():
                return f"<{name}> may be included only in {', '.join(rooms.split())}"
        return None
    if name.startswith("/") or ".." in pathlib.PurePosixPath(name).parts:
        return f'"{name}": headers are named from src'
    if not (src / name).is_file():
        return f'"{name}" is no file of src'
    other = room_of(pathlib.PurePosixPath(name))
    if other not in allowed_rooms(room):
        return f'"{name}": {room} may include {", ".join(sorted(allowed_rooms(room)))}, not {other}'
    return None


def check_house(src):
    """Faults of the include directions, as (path, line number, text)."""
    for path in sources(src):
        room = room_of(path.relative_to(src))
        if room != "main" and room not in ROOMS:
            yield path, 1, f"{room} is no room of src"
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if match := INCLUDE.match(line):
                if fault := check_include(src, room, *match.groups()):
                    yield path, number, fault


def check_files(root, folder):
    """Faults that a file of any folder can have."""
    for path in sources(folder):
        lines = path.read_text(encoding="utf-8").splitlines()
        if path.suffix == ".h" and "#pragma once" not in lines:
            yield path, 1, "a header without #pragma once"
        if len(lines) > MAX_LINES:
            yield path, MAX_LINES, f"{len(lines)} lines; a file has at most {MAX_LINES}"
        for number, line in enumerate(lines, 1):
            if FOREIGN_PATH.search(line) or re.search(rf"(?<![\w.]){re.escape(str(root))}(?!\w)", line):
                yield path, number, "names a path outside the repository"


def sources(folder):
    found = (path for path in folder.rglob("*") if path.suffix in (".h", ".cc") and "node_modules" not in path.parts)
    return sorted(found)


def check(root):
    root = pathlib.Path(root).resolve()
    faults = [*check_house(root / "src"), *check_files(root, root / "src"), *check_files(root, root / "tests")]
    return [f"{path.relative_to(root)}:{number}: {text}" for path, number, text in faults]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not sources(pathlib.Path(sys.argv[1]) / "src"):
        sys.exit(f"{sys.argv[1]}: no sources in src")
    faults = check(sys.argv[1])
    print("\n".join(faults) or "the sources stand as the house is built")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
