#!/usr/bin/env python3
"""What passes and what does not, of counts beside those kept."""

import sys
import unittest

sys.dont_write_bytecode = True
import comparison  # noqa: E402


class ComparisonTest(unittest.TestCase):
    def faults(self, kept, counted):
        return comparison.faults(comparison.compare(kept, counted))

    def test_up_to_the_tolerance_a_count_may_grow(self):
        self.assertEqual(self.faults({"get": 1000, "set": 2000}, {"get": 1050, "set": 2000}), [])

    def test_beyond_it_is_a_fault(self):
        (fault,) = self.faults({"get": 1000, "set": 2000}, {"get": 1051, "set": 2000})
        self.assertEqual(fault, "get: 1,051 instructions, +5.1% over the 1,000 kept")

    def test_a_count_may_fall(self):
        self.assertEqual(self.faults({"get": 1000}, {"get": 100}), [])

    def test_a_new_scenario_must_be_kept(self):
        self.assertEqual(self.faults({}, {"get": 1000}), ["get: no count is kept"])

    def test_a_scenario_that_is_gone_must_not_be_forgotten(self):
        (fault,) = self.faults({"get": 1000, "set": 2000}, {"get": 1000})
        self.assertIn("set: a count is kept", fault)

    def test_the_table_shows_both_and_the_change(self):
        table = comparison.table(comparison.compare({"get": 1000, "old": 5}, {"get": 900, "new": 7}))
        self.assertRegex(table, r"(?m)^get +1,000 +900 +-10\.0%$")
        self.assertRegex(table, r"(?m)^new +– +7$")
        self.assertRegex(table, r"(?m)^old +5 +–$")


if __name__ == "__main__":
    unittest.main()
