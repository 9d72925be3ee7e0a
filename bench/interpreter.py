"""What the interpreter of state machines costs by itself: maps over items that do no work.

    python -m bench.interpreter
    python -m bench.interpreter --json

distributed    a child execution (STANDARD) for each line of a JSON Lines object, its ResultWriter included; at ten
               times as many items, too, since memory must not grow with them
batched        50,000 lines, 500 to a child
inline         an inline map whose 40 iterations are under way at once, each of them through 100 states that never wait
waiting        the same, each of them in a Wait of one second: what 40 take beyond the second
floor          what a distributed map cannot do without, for the same items and nothing else: parse a line, write the
               child's row and its events to SQLite in batches, and read the outputs back

Each is a process of its own with a local cloud in it, whose S3 holds the lines and takes the results. Seconds are those
between the execution's start and its end, as DescribeExecution says them; beside them, the processor's time of the
whole process, which a machine that does other things at the same time disturbs less.
"""

import argparse
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from bench.processes import measure, peak_rss
from pipeline.local.cloud import LocalCloud

BUCKET, LINES = "bench-results", "lines.jsonl"
ROLE = "arn:aws:iam::123456789012:role/bench"
AT_ONCE, STATES = 40, 100

Json = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """`items` is how many, `each` makes the definition, and `idle` seconds of it are spent waiting."""

    items: int
    definition: Json
    idle: float = 0


@dataclass(frozen=True)
class Taken:
    seconds: float
    cpu_seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=[*CASES, *FLOORS], help="run one here, and print it as JSON")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.case:
        taken = FLOORS[arguments.case]() if arguments.case in FLOORS else _run(CASES[arguments.case])
        print(json.dumps({**asdict(taken), "peak_bytes": peak_rss()}))
        return
    rows = {name: measure(["-m", "bench.interpreter", "--case", name]) for name in (*FLOORS, *CASES)}
    if arguments.json:
        print(json.dumps({name: row.printed for name, row in rows.items()}, indent=2))
        return
    print(f"{'':<28}{'seconds':>9}{'ms an item':>12}{'of processor time':>19}{'peak memory':>14}")
    for name, row in rows.items():
        seconds, cpu = row.printed["seconds"], row.printed["cpu_seconds"]
        peak = max(row.peak_bytes, row.printed["peak_bytes"])
        items = CASES[name.removesuffix(" floor")].items
        print(
            f"{name:<28}{seconds:>9.2f}{seconds / items * 1000:>12.3f}{cpu / items * 1000:>16.3f} ms"
            f"{peak / 1e6:>11.0f} MB"
        )


def _run(case: Case) -> Taken:
    """One execution; what it means to wait is not counted."""
    with LocalCloud() as cloud:
        s3, states = cloud.client("s3"), cloud.client("stepfunctions")
        s3.create_bucket(Bucket=BUCKET)
        with tempfile.TemporaryFile() as lines:
            lines.writelines(_lines(case.items))
            lines.seek(0)
            s3.upload_fileobj(lines, BUCKET, LINES)
        machine = states.create_state_machine(name="bench", definition=json.dumps(case.definition), roleArn=ROLE)
        cpu = time.process_time()
        arn = states.start_execution(
            stateMachineArn=machine["stateMachineArn"], input=json.dumps(list(range(AT_ONCE)))
        )["executionArn"]
        while (execution := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            time.sleep(0.05)
        cpu = time.process_time() - cpu
        if execution["status"] != "SUCCEEDED":
            raise SystemExit(f"the execution ended {execution['status']}: {execution.get('cause')}")
        _check(case, s3, states, arn)
        seconds = (execution["stopDate"] - execution["startDate"]).total_seconds()
        return Taken(seconds - case.idle, cpu)


def _check(case: Case, s3: Any, states: Any, arn: str) -> None:
    """A map that skipped items would be fast."""
    for listed in states.list_map_runs(executionArn=arn)["mapRuns"]:
        counts = states.describe_map_run(mapRunArn=listed["mapRunArn"])["itemCounts"]
        if counts["succeeded"] != case.items or counts["resultsWritten"] != case.items:
            raise SystemExit(f"of {case.items} items, these succeeded: {counts}")


def _floor(items: int) -> Taken:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / LINES
        with file.open("wb") as written:
            written.writelines(_lines(items))
        began, cpu = time.perf_counter(), time.process_time()
        database = sqlite3.connect(Path(folder) / "floor.sqlite")
        database.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
            "CREATE TABLE children (id INTEGER PRIMARY KEY, arn TEXT UNIQUE, input TEXT, output TEXT);"
            "CREATE TABLE events (child INTEGER, id INTEGER, details TEXT, PRIMARY KEY (child, id)) WITHOUT ROWID;"
        )
        with file.open("rb") as lines:
            numbered = enumerate(map(_parsed, lines))
            while chunk := list(islice(numbered, 500)):
                rows = [(number, f"arn:{number}", text, text) for number, text in chunk]
                database.executemany("INSERT INTO children VALUES (?, ?, ?, ?)", rows)
                events = [(number, event, text) for number, text in chunk for event in range(4)]
                database.executemany("INSERT INTO events VALUES (?, ?, ?)", events)
                database.commit()
        with (Path(folder) / "out.jsonl").open("w") as out:
            out.writelines(output for (output,) in database.execute("SELECT output FROM children ORDER BY id"))
        database.close()
        return Taken(time.perf_counter() - began, time.process_time() - cpu)


def _parsed(line: bytes) -> str:
    return json.dumps(json.loads(line))


def _lines(count: int) -> Iterator[bytes]:
    return (
        json.dumps({"Key": f"incoming/{n:08d}.jpg", "Etag": f"{n:032x}", "Size": n}).encode() + b"\n"
        for n in range(count)
    )


def _machine(processor: Json, mode: Json, **fields: Any) -> Json:
    state = {"Type": "Map", "ItemProcessor": {"ProcessorConfig": mode, **processor}, **fields, "End": True}
    return {"StartAt": "Each", "States": {"Each": state}}


def _chain(states: list[Json]) -> Json:
    """States one after the other."""
    last = len(states) - 1
    named = {f"S{n}": state | ({"End": True} if n == last else {"Next": f"S{n + 1}"}) for n, state in enumerate(states)}
    return {"StartAt": "S0", "States": named}


def _distributed(items: int, **fields: Any) -> Case:
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSONL"},
        "Parameters": {"Bucket": BUCKET, "Key": LINES},
    }
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": BUCKET, "Prefix": "map"}}
    mode = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    return Case(items, _machine(_chain([{"Type": "Pass"}]), mode, ItemReader=reader, ResultWriter=writer, **fields))


CASES = {
    "distributed, 10,000": _distributed(10_000),
    "distributed, 100,000": _distributed(100_000),
    "batched, 50,000 by 500": _distributed(50_000, ItemBatcher={"MaxItemsPerBatch": 500}),
    "inline, 40 of 100 states": Case(
        AT_ONCE * STATES, _machine(_chain([{"Type": "Pass"}] * STATES), {"Mode": "INLINE"})
    ),
    "inline, 40 waiting": Case(AT_ONCE, _machine(_chain([{"Type": "Wait", "Seconds": 1}]), {"Mode": "INLINE"}), idle=1),
}
FLOORS: dict[str, Callable[[], Taken]] = {
    "distributed, 10,000 floor": partial(_floor, 10_000),
    "distributed, 100,000 floor": partial(_floor, 100_000),
}


if __name__ == "__main__":
    main()
