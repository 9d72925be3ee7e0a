"""The queries of docs/queries.md, as they stand there, over what runs have published; answers worked out beside them.

DuckDB runs each. Athena is not here: a parser of its SQL reads each, and DuckDB runs what it has understood.
"""

import csv
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot

from pipeline.inference.predictions import Prediction, Ranked
from pipeline.results import tables
from pipeline.results.predicted import Predicted
from pipeline.runs import keys
from pipeline.shards import Row

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = ROOT / "examples" / "photos"
DOCUMENT = (ROOT / "docs" / "queries.md").read_text(encoding="utf-8")
QUERIES = dict(re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?^```sql\n(SELECT.*?)^```$", DOCUMENT, re.M | re.S))
IN_THE_BUCKET, ON_THE_LAPTOP = re.findall(r"^```sql\n-- duckdb\n(.*?)^```$", DOCUMENT, re.M | re.S)
# What the document takes for an example, in place of which a test has its own.
EARLIER, LATER = "2026-11-19T0200-incoming-a41c07", "2026-11-20T0200-incoming-7f3a9c"
FIRST_DAY, LAST_DAY = "2026-11-01", "2026-11-30"

Rows = list[tuple[Any, ...]]


def connect(views: str, changes: dict[str, str]) -> duckdb.DuckDBPyConnection:
    """A database with the views of the document, over other places; nothing is installed or signed for."""
    connection = duckdb.connect()
    for statement in views.split(";"):
        if "CREATE VIEW" in statement:
            connection.execute(re.sub("|".join(map(re.escape, changes)), lambda found: changes[found[0]], statement))
    return connection


def asked(connection: duckdb.DuckDBPyConnection, title: str, changes: dict[str, str], athena: bool) -> Rows:
    query = re.sub("|".join(map(re.escape, changes)), lambda found: changes[found[0]], QUERIES[title])
    if athena:
        (query,) = sqlglot.transpile(query, read="athena", write="duckdb")
    return connection.execute(query).fetchall()


@pytest.fixture(params=[False, True], ids=["duckdb", "athena"])
def athena(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@dataclass(frozen=True)
class Nights:
    """Two runs, and their tables in a folder. `labels` are those of each run by image, as its job wrote them."""

    connection: duckdb.DuckDBPyConnection
    earlier: str
    later: str
    labels: dict[str, dict[str, tuple[str, float]]]

    def asked(self, title: str, athena: bool) -> Rows:
        days = {EARLIER[:10]: self.earlier[:10], LATER[:10]: self.later[:10]}
        months = {FIRST_DAY: self.earlier[:10], LAST_DAY: self.later[:10]}
        return asked(self.connection, title, {EARLIER: self.earlier, LATER: self.later} | days | months, athena)

    @property
    def last_day(self) -> Iterator[tuple[str, str, float]]:
        """Image, label and score of every prediction of the runs that began on the day of the later one."""
        for run, images in self.labels.items():
            if run[:10] == self.later[:10]:
                yield from ((image, label, score) for image, (label, score) in images.items())


@pytest.fixture(scope="module")
def nights(deployed: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Nights:
    deployment = deployed()
    photo = {name: (PHOTOS / name).read_bytes() for name in ("home/cat.png", "home/coffee.png", "rocket.jpg")}
    deployment.put({"incoming/cats/1.png": photo["home/cat.png"], "incoming/cats/2.png": photo["home/cat.png"]})
    deployment.put({"incoming/cats_/1.png": photo["home/coffee.png"], "incoming/rocket.jpg": photo["rocket.jpg"]})
    deployment.put({"incoming/words.jpg": b"hello", "incoming/nothing.jpg": b"", "incoming/letter.jpg": b"Dear Sir"})
    runs = [deployment.run(name="first")]
    deployment.put({"incoming/cats/2.png": photo["rocket.jpg"]})
    runs.append(deployment.run(name="second"))
    folder = tmp_path_factory.mktemp("bucket")
    bucket = deployment.stack.outputs["ResultsBucket"]
    for prefix in ("predictions/", "rejected/"):
        for item in deployment.s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
            (folder / item["Key"]).parent.mkdir(parents=True, exist_ok=True)
            deployment.s3.download_file(bucket, item["Key"], str(folder / item["Key"]))
    ids = [str(ended.output["summary"]["run_id"]) for ended in runs]
    labels = {run: written(deployment.s3, bucket, run) for run in ids}
    return Nights(connect(IN_THE_BUCKET, {"s3://RESULTS": str(folder)}), *ids, labels)


def written(s3: Any, bucket: str, run_id: str) -> dict[str, tuple[str, float]]:
    """Label and score by image URI, out of the lines that the run's jobs wrote."""
    found = {}
    for item in s3.list_objects_v2(Bucket=bucket, Prefix=keys.predictions_prefix(run_id))["Contents"]:
        for line in s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read().splitlines():
            document = json.loads(line)
            found[f"s3://{document['bucket']}/{document['key']}"] = (
                document["top"][0]["label"],
                document["top"][0]["score"],
            )
    return found


def test_the_document_has_five_queries_for_every_run_and_two_for_other_tasks() -> None:
    assert len(QUERIES) == 7


def test_labels_are_counted(nights: Nights, athena: bool) -> None:
    counted = Counter(label for _, label, _ in nights.last_day)

    answer = nights.asked("How many images of each label, last night", athena)
    assert [row[:2] for row in answer] == sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))


def test_the_least_certain_come_first(nights: Nights, athena: bool) -> None:
    uncertain = sorted((score, image, label) for image, label, score in nights.last_day if score < 0.5)

    answer = nights.asked("The least certain images", athena)
    assert [(image, label) for image, label, _ in answer] == [(image, label) for _, image, label in uncertain]


def test_a_label_that_changed_between_two_runs_is_found(nights: Nights, athena: bool) -> None:
    before, now = nights.labels[nights.earlier], nights.labels[nights.later]
    changed = [(image, before[image][0], now[image][0]) for image in sorted(now) if now[image][0] != before[image][0]]

    answer = nights.asked("Which labels have changed between two runs", athena)
    assert [row[:3] for row in answer] == changed
    assert [image.rpartition("/")[2] for image, *_ in changed] == ["2.png"]


def test_the_images_of_a_folder_are_those_and_no_others(nights: Nights, athena: bool) -> None:
    of_the_day = sorted(image.partition("/incoming/")[2] for image, _, _ in nights.last_day)

    answer = nights.asked("The images of a folder", athena)
    assert [key for key, *_ in answer] == [f"incoming/{name}" for name in of_the_day if name.startswith("cats/")]
    assert len(answer) >= 2


def test_what_was_rejected_is_counted_by_day_and_reason(nights: Nights, athena: bool) -> None:
    days = Counter(run[:10] for run in nights.labels)
    expected = [
        row for day, runs in sorted(days.items()) for row in ((day, "not_an_image", 2 * runs), (day, "empty", runs))
    ]

    assert nights.asked("What was rejected, by day and reason", athena) == expected


def test_the_boxes_of_a_class_are_found_with_their_places(tmp_path: Path, athena: bool) -> None:
    boxes = ((0, 0, 1, 1), (0, 0, 2, 2), (1, 2, 3, 4), (0, 0, 1, 2))
    top = (Ranked("cup", 0, 0.875), Ranked("cat", 1, 0.75), Ranked("cup", 0, 0.625), Ranked("cup", 0, 0.25))
    connection = published(tmp_path, prediction("a.jpg", top, boxes=boxes), prediction("none.jpg", (), boxes=()))

    answer = asked(connection, "The boxes of a class", {LATER[:10]: LATER[:10]}, athena)
    assert answer == [
        ("s3://images/a.jpg", "cup", 0.875, 0, 0, 1, 1),
        ("s3://images/a.jpg", "cup", 0.625, 1, 2, 3, 4),
    ]


def test_the_images_most_like_one_come_first(tmp_path: Path, athena: bool) -> None:
    vectors = {"cats/felix": (1, 0), "same": (2, 0), "near": (1, 1), "across": (0, 3), "opposite": (-1, 0)}
    found = [prediction(f"incoming/{name}.jpg", (), values=vector) for name, vector in vectors.items()]
    connection = published(tmp_path, *found)

    answer = asked(connection, "The images that are most like one", {LATER[:10]: LATER[:10]}, athena)
    assert [image.rpartition("/")[2] for image, _ in answer] == ["same.jpg", "near.jpg", "across.jpg", "opposite.jpg"]
    assert [cosine for _, cosine in answer] == pytest.approx([1, math.sqrt(0.5), 0, -1])


def test_the_runs_of_a_laptop_are_the_same_tables(example_run: Any) -> None:
    folder = example_run.results.parent
    connection = connect(ON_THE_LAPTOP, {"out/": f"{folder}/"})
    changes = dict.fromkeys((FIRST_DAY, LAST_DAY, LATER[:10]), example_run.results.name[:10])
    with (example_run.results / "rejected.csv").open(newline="") as file:
        rejected = Counter(row["reason"] for row in csv.DictReader(file))

    counted = asked(connection, "How many images of each label, last night", changes, athena=False)
    assert {label: images for label, images, _ in counted} == Counter(
        row["label"] for row in example_run.predictions.values()
    )
    by_reason = asked(connection, "What was rejected, by day and reason", changes, athena=False)
    assert {reason: images for _, reason, images in by_reason} == rejected
    assert connection.execute("SELECT DISTINCT run_id FROM rejected").fetchall() == [(example_run.results.name,)]


def prediction(key: str, top: tuple[Ranked, ...], **answer: Any) -> Prediction:
    return Prediction(Row("images", key, "etag", 10, 4, 3), "model", "contract", LATER, "shard", top, **answer)


def published(folder: Path, *predictions: Prediction) -> duckdb.DuckDBPyConnection:
    """The tables with one run in them, as aggregation writes it."""
    for name in (keys.PREDICTIONS_TABLE, keys.REJECTED_TABLE):
        (folder / keys.published_key(name, LATER)).parent.mkdir(parents=True)
    with (
        (folder / keys.published_key(keys.PREDICTIONS_TABLE, LATER)).open("wb") as file,
        tables.PredictionsTable(file) as table,
    ):
        table.add(Predicted.of(predictions), datetime(2026, 11, 20, 2, tzinfo=UTC))
    with (
        (folder / keys.published_key(keys.REJECTED_TABLE, LATER)).open("wb") as file,
        tables.RejectedTable(file, LATER),
    ):
        pass
    return connect(IN_THE_BUCKET, {"s3://RESULTS": str(folder)})
