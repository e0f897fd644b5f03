#!/usr/bin/env python3
"""The checker finds what it is there to find: each test makes a small tree with one fault."""

import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import check_structure  # noqa: E402


class StructureTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()
        self.write("src/base/error.h")
        self.write("src/net/stream.h", '#include "base/error.h"\n#include <event2/event.h>\n')
        self.write("src/server/server.h", '#include "net/stream.h"\n')
        self.write("src/main.cc", '#include "server/server.h"\n')
        self.write("tests/support/file.h")

    def write(self, name, text="", once=True):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#pragma once\n" * (once and path.suffix == ".h") + text, encoding="utf-8")

    def only_fault(self, starts, contains):
        faults = check_structure.check(self.root)
        self.assertEqual(len(faults), 1, faults)
        self.assertTrue(faults[0].startswith(starts), faults[0])
        self.assertIn(contains, faults[0])

    def test_a_good_tree_has_no_fault(self):
        self.assertEqual(check_structure.check(self.root), [])

    def test_an_include_that_points_up_is_found(self):
        self.write("src/base/log.cc", '\n#include "net/stream.h"\n')
        self.only_fault("src/base/log.cc:2:", "not net")

    def test_an_include_sideways_is_found(self):
        self.write("src/protocol/decoder.h")
        self.write("src/net/timer.cc", '#  include "protocol/decoder.h"\n')
        self.only_fault("src/net/timer.cc:1:", "not protocol")

    def test_main_sees_only_what_composes(self):
        self.write("src/main.cc", '#include "net/stream.h"\n')
        self.only_fault("src/main.cc:1:", "not net")

    def test_a_library_outside_its_room_is_found(self):
        for library, rooms in check_structure.LIBRARIES.items():
            with self.subTest(library):
                self.write("src/tenant/plan.cc", f"#include <{library}x.h>\n")
                self.only_fault("src/tenant/plan.cc:1:", rooms.split()[0])

    def test_a_room_that_is_not_in_the_table_is_found(self):
        self.write("src/misc/x.h")
        self.only_fault("src/misc/x.h:1:", "no room")

    def test_a_header_named_from_elsewhere_is_found(self):
        self.write("src/net/timer.cc", '#include "stream.h"\n')
        self.only_fault("src/net/timer.cc:1:", "no file of src")
        self.write("src/net/timer.cc", '#include "../base/error.h"\n')
        self.only_fault("src/net/timer.cc:1:", "named from src")

    def test_a_header_without_pragma_once_is_found(self):
        self.write("tests/support/file.h", once=False)
        self.only_fault("tests/support/file.h:1:", "#pragma once")

    def test_a_file_that_is_too_long_is_found(self):
        self.write("tests/unit/long_test.cc", "\n" * check_structure.MAX_LINES)
        self.assertEqual(check_structure.check(self.root), [])
        self.write("tests/unit/long_test.cc", "\n" * (check_structure.MAX_LINES + 1))
        self.only_fault("tests/unit/long_test.cc:600:", "601 lines")

    def test_a_path_outside_the_repository_is_found(self):
        for path in ("/home/somebody/x", f"{self.root}/config"):
            with self.subTest(path):
                self.write("src/net/timer.cc", f'\nauto file = "{path}";\n')
                self.only_fault("src/net/timer.cc:2:", "outside the repository")

    def test_the_table_has_no_circle(self):
        seen = set()
        for room, lower in check_structure.ROOMS.items():
            self.assertLessEqual(set(lower.split()), seen, f"{room} includes a room that is not before it")
            seen.add(room)


if __name__ == "__main__":
    unittest.main()
