#!/usr/bin/env python3
"""Prints the matrix of servers as a table, from Meson's report and the notes that the tests left.

usage: table.py BUILD
"""
import json
import pathlib
import re
import sys
import textwrap
import xml.etree.ElementTree as ElementTree

HEADER = ("server", "version", "case", "under", "result", "seen")
SEEN_WIDTH = 60


def rows(logs):
    for suite in ElementTree.parse(logs / "testlog.junit.xml").iter("testsuite"):
        if "/ app-" not in (suite.get("name") or ""):
            continue
        for case in suite.iter("testcase"):
            name = re.sub(r"^\d+ ", "", case.get("name"))
            kind, _, method = name.partition(".")
            try:
                told = json.loads((logs / "apps" / f"{kind}.json").read_text())
            except OSError:  # it did not get so far
                told = {}
            known = told.get("cases", {}).get(method, {})
            skip = case.find("skipped")
            seen = "; ".join(known.get("notes", []))
            result = "passed"
            if case.find("failure") is not None or case.find("error") is not None:
                result = "FAILED"
            elif skip is not None:
                result, seen = "skipped", skip.get("message") or (case.findtext("system-out") or "").strip()
            yield (told.get("title", kind), told.get("version", ""), method.removeprefix("test_").replace("_", " "),
                   known.get("way", ""), result, seen)


def main():
    table = sorted(rows(pathlib.Path(sys.argv[1]) / "meson-logs"), key=lambda row: row[0].lower())
    widths = [max(len(row[i]) for row in [HEADER, *table]) for i in range(len(HEADER) - 1)]
    line = lambda cells: "  ".join(cell.ljust(width) for cell, width in zip(cells, widths))
    print(line(HEADER) + "  " + HEADER[-1])
    print("  ".join("-" * width for width in [*widths, SEEN_WIDTH]))
    before = None
    for *cells, seen in table:
        if cells[0] == before:  # said once
            cells[0] = cells[1] = ""
        else:
            before = cells[0]
        first, *rest = textwrap.wrap(seen, SEEN_WIDTH) or [""]
        print((line(cells) + "  " + first).rstrip())
        for more in rest:
            print(line([""] * len(widths)) + "  " + more)
    print()


main()
