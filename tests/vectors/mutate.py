#!/usr/bin/env python3
"""Does every recorded answer matter? Alters answers one at a time in a copy of the vector files and
runs the tests that read the file; each kind of answer whose alteration nothing noticed is listed.

    tests/vectors/mutate.py BUILD [--file rules.json ...] [--per-kind 2] [--seed 1]

A kind is a path with the positions in lists left out. Strings that only describe are not altered.
Not run with the other tests: a file takes minutes.
"""
import argparse
import copy
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = ("vector_tests", "vl2_vector_tests")
DESCRIPTIONS = {"name", "description", "source", "note", "comment", "step", "verdict_values"}


def suites_of(file_name):
    """Per program, a filter for the suites of the test sources that mention the file."""
    text = (HERE / "meson.build").read_text()
    filters = {}
    for program in PROGRAMS:
        block = text[text.index(f"executable('{program}'"):]
        sources = re.findall(r"'(\w+_test\.cc)'", block[:block.index("include_directories")])
        suites = set()
        for source in sources:
            code = (HERE / source).read_text()
            if f'"{file_name}"' in code:
                suites |= set(re.findall(r"^TEST(?:_P|_F)?\((\w+),", code, re.M))
        if suites:
            filters[program] = ":".join(f"*{suite}.*" for suite in sorted(suites))
    return filters


def leaves(value, path=()):
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in DESCRIPTIONS:
                yield from leaves(item, path + (key,))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, path + (index,))
    else:
        yield path, value


def altered(value, dice):
    if value is None:
        return 1
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if not value:
        return "00"
    at = dice.randrange(len(value))
    if re.fullmatch(r"[0-9a-f]+", value):
        other = "0123456789abcdef"[(int(value[at], 16) + 1) % 16]
        if set(value) <= set("012"):  # verdicts
            other = "1" if value[at] == "0" else "0"
    else:
        other = "x" if value[at] != "x" else "y"
    return value[:at] + other + value[at + 1:]


def kind_of(path):
    return "/".join("*" if isinstance(part, int) else part for part in path)


def notices(build, folder, filters):
    for program, chosen in filters.items():
        done = subprocess.run([build / "tests/vectors" / program, f"--gtest_filter={chosen}", "--gtest_brief=1"],
                              env={**os.environ, "ZTSHIM_VECTORS": str(folder)}, capture_output=True, timeout=300)
        if done.returncode != 0:
            return True
    return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("--file", action="append")
    parser.add_argument("--per-kind", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.build = options.build.resolve()
    dice = random.Random(options.seed)
    survivors = 0
    for name in options.file or sorted(p.name for p in HERE.glob("*.json")):
        original = json.loads((HERE / name).read_text())
        filters = suites_of(name)
        kinds = {}
        for path, value in leaves(original):
            kinds.setdefault(kind_of(path), []).append((path, value))
        with tempfile.TemporaryDirectory() as clean:
            folder = Path(clean)
            shutil.copytree(HERE, folder, dirs_exist_ok=True)
            if notices(options.build, folder, filters):
                sys.exit(f"{name}: the tests fail with the unaltered file")
        jobs = [(kind, *place) for kind, places in sorted(kinds.items())
                for place in dice.sample(places, min(options.per_kind, len(places)))]
        seeds = [dice.random() for _ in jobs]

        def survives(job_and_seed):
            (_, path, value), seed = job_and_seed
            changed = copy.deepcopy(original)
            at = changed
            for part in path[:-1]:
                at = at[part]
            at[path[-1]] = altered(value, random.Random(seed))
            with tempfile.TemporaryDirectory() as made:
                for other in HERE.glob("*.json"):
                    (Path(made) / other.name).symlink_to(other)
                (Path(made) / name).unlink()
                (Path(made) / name).write_text(json.dumps(changed))
                return not notices(options.build, Path(made), filters)

        with ThreadPoolExecutor(2) as pool:
            for job, survived in zip(jobs, pool.map(survives, zip(jobs, seeds))):
                if survived:
                    survivors += 1
                    print(f"{name}: nothing noticed {'/'.join(map(str, job[1]))} (was {str(job[2])[:60]!r})", flush=True)
        print(f"{name}: {len(jobs)} alterations of {len(kinds)} kinds", flush=True)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
