"""What of an earlier run's rejected images is fixed, and the listing of it that a new run takes."""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from pipeline import objects
from pipeline.errors import InvalidReplay
from pipeline.images.decode import Reason
from pipeline.results import tables
from pipeline.runs import replay
from pipeline.runs.listings import ListedImage
from pipeline.runs.replay import Comparison, Rejection
from pipeline.validation.verdicts import Rejected

IMAGES, RESULTS = "example-images", "example-results"
RUN = "2026-11-20T0200-incoming-7f3a9c"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)

Reject = Callable[..., Rejection]


@pytest.fixture
def reject(s3: Any) -> Reject:
    """Puts an object that a run has rejected as it is."""

    def put(key: str, body: bytes = b"half", reason: str = "truncated") -> Rejection:
        etag = s3.put_object(Bucket=IMAGES, Key=key, Body=body)["ETag"].strip('"')
        return Rejection(IMAGES, key, etag, reason)

    return put


class Answering:
    """An S3 that answers some operations with an error, of this HTTP status."""

    def __init__(self, s3: Any, **status: int) -> None:
        self._s3, self._status = s3, status

    def __getattr__(self, operation: str) -> Any:
        if operation not in self._status:
            return getattr(self._s3, operation)

        def answer(**request: Any) -> Any:
            status = self._status[operation]
            metadata: Any = {"HTTPStatusCode": status}
            raise ClientError({"Error": {"Code": str(status)}, "ResponseMetadata": metadata}, operation)

        return answer


@given(rows=st.lists(st.tuples(TEXT, st.sampled_from(list(Reason)), TEXT)))
def test_rejected_csv_reads_back_whatever_the_keys_are(rows: list[tuple[str, Reason, str]]) -> None:
    file = io.BytesIO()
    table = tables.CsvTable(file, tables.REJECTED_COLUMNS)
    table.add_rejected(Rejected(IMAGES, key, "e", 1, reason, detail) for key, reason, detail in rows)
    table.close()

    found = replay.read_rejections(file.getvalue(), "rejected.csv")

    assert found == [Rejection(IMAGES, key, "e", reason) for key, reason, _ in rows]


@pytest.mark.parametrize(
    "table",
    [
        b"",
        b"key,size\na.jpg,1\n",
        b"bucket,key,etag,reason\nimages,a.jpg\n",
        b'bucket,key,etag,reason\n"images\n',
        b"bucket,key,etag,reason\nimages,\xff,e,empty\n",
        b"PAR1\x00\x15",
    ],
)
def test_a_file_that_is_no_rejected_csv_is_named(table: bytes) -> None:
    with pytest.raises(InvalidReplay, match=r"s3://example/rejected\.csv is no rejected\.csv of a run: "):
        replay.read_rejections(table, "s3://example/rejected.csv")


def test_all_reasons_are_taken_where_none_is_given() -> None:
    rejections = [Rejection(IMAGES, "a", "e", "empty"), Rejection(IMAGES, "b", "e", "corrupt")]

    assert replay.choose(rejections, []) == rejections
    assert replay.choose(rejections, ["corrupt", "truncated"]) == rejections[1:]


def test_an_unknown_reason_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidReplay, match="There is no reason 'broken'; images are rejected as empty, not_an_image"):
        replay.choose([], ["empty", "broken"])


def test_an_object_with_other_bytes_is_fixed_and_listed_as_it_is_now(s3: Any, reject: Reject) -> None:
    rejections = [reject("same.jpg"), reject("fixed \U0001f408.jpg"), reject("gone.jpg")]
    etag = s3.put_object(Bucket=IMAGES, Key="fixed \U0001f408.jpg", Body=b"the whole")["ETag"].strip('"')
    s3.delete_object(Bucket=IMAGES, Key="gone.jpg")

    comparison = replay.compare(rejections, s3)

    assert comparison == Comparison([(IMAGES, ListedImage("fixed \U0001f408.jpg", etag, 9))], same=1, gone=1, refused=0)


def test_what_is_fixed_stays_in_order(s3: Any, reject: Reject) -> None:
    rejections = [replace(reject(f"{number}.jpg"), etag="before") for number in range(200)]

    fixed = replay.compare(rejections, s3).fixed

    assert [image.key for _, image in fixed] == [rejection.key for rejection in rejections]


def test_a_long_look_is_told_while_it_lasts(s3: Any) -> None:
    told: list[tuple[int, int]] = []

    replay.compare([Rejection(IMAGES, "gone.jpg", "e", "empty")] * 250, s3, lambda *counts: told.append(counts))

    assert told == [(0, 250), (100, 250), (200, 250), (250, 250)]


@pytest.mark.parametrize("body", [b"readable", b""])
def test_an_unreadable_object_is_fixed_when_it_can_be_read(s3: Any, reject: Reject, body: bytes) -> None:
    comparison = replay.compare([reject("a.jpg", body, "unreadable")], s3)

    assert [image.key for _, image in comparison.fixed] == ["a.jpg"]


@pytest.mark.parametrize(
    "status", [400, 403, 404, 405], ids=["another's key", "denied", "gone meanwhile", "delete marker"]
)
def test_an_object_that_is_still_unreadable_is_the_same(s3: Any, reject: Reject, status: int) -> None:
    comparison = replay.compare([reject("a.jpg", reason="unreadable")], Answering(s3, get_object=status))  # type: ignore[arg-type]

    assert (comparison.fixed, comparison.same) == ([], 1)


@pytest.mark.parametrize("status", [400, 403], ids=["another's key", "denied"])
def test_an_object_that_s3_does_not_show_is_counted(s3: Any, reject: Reject, status: int) -> None:
    comparison = replay.compare([reject("a.jpg")], Answering(s3, head_object=status))  # type: ignore[arg-type]

    assert comparison.refused == 1


@pytest.mark.parametrize(
    ("reasons", "comparison", "sentence"),
    [
        ([], Comparison((), 0, 0, 0), f"The run {RUN} rejected no image: there is nothing to replay."),
        (
            ["empty", "empty"],
            Comparison((), 0, 0, 0),
            f"The run {RUN} rejected 2: empty 2. None has a reason asked for: nothing to replay.",
        ),
        (
            ["empty", "truncated", "truncated"],
            Comparison((), 1, 1, 1),
            f"The run {RUN} rejected 3: truncated 2, empty 1. Of 3 looked at, 0 fixed since, 1 still the same, 1 gone, "
            "1 that S3 does not show you. There is nothing to replay.",
        ),
        (
            ["empty", "truncated"],
            Comparison([(IMAGES, ListedImage("a", "e", 1))], 0, 0, 0),
            f"The run {RUN} rejected 2: empty 1, truncated 1. Of 1 looked at, 1 fixed since, 0 still the same, 0 gone.",
        ),
    ],
)
def test_what_became_of_rejected_images_is_told(reasons: list[str], comparison: Comparison, sentence: str) -> None:
    rejections = [Rejection(IMAGES, "a", "e", reason) for reason in reasons]

    assert replay.told(RUN, rejections, comparison) == sentence


@pytest.mark.parametrize("operation", ["head_object", "get_object"])
def test_a_fault_of_the_service_is_raised(s3: Any, reject: Reject, operation: str) -> None:
    with pytest.raises(ClientError, match="503"):
        replay.compare([reject("a.jpg", reason="unreadable")], Answering(s3, **{operation: 503}))  # type: ignore[arg-type]


def comparison_of(*fixed: tuple[str, str]) -> Comparison:
    return Comparison([(bucket, ListedImage(key, "e", 1)) for bucket, key in fixed], 0, 0, 0)


def test_each_bucket_has_a_listing_of_its_own(s3: Any) -> None:
    fields = replay.list_for_replay(
        RUN, comparison_of(("a-bucket", "1"), ("b-bucket", "2"), ("a-bucket", "3")), s3, RESULTS
    )

    assert (fields["name"], fields["replays"]) == ("replay-incoming", RUN)
    assert [source["bucket"] for source in fields["images"]] == ["a-bucket", "b-bucket"]
    keys = [objects.parse_s3_uri(source["listing"])[1] for source in fields["images"]]
    assert all(key.startswith(f"replays/{RUN}-") for key in keys)
    listed = [[line["Key"] for line in objects.get_lines(s3, RESULTS, key)] for key in keys]
    assert listed == [["1", "3"], ["2"]]


def test_the_same_replay_is_the_same_input(s3: Any) -> None:
    first, again, other = (
        replay.list_for_replay(RUN, comparison_of((IMAGES, key)), s3, RESULTS) for key in ("a", "a", "b")
    )

    assert first == again != other


def test_an_image_that_was_fixed_once_more_is_another_replay(s3: Any) -> None:
    first, again = (
        replay.list_for_replay(RUN, Comparison([(IMAGES, ListedImage("a", etag, 1))], 0, 0, 0), s3, RESULTS)
        for etag in ("half", "whole")
    )

    assert first != again


@pytest.mark.parametrize(
    ("run_id", "name"),
    [
        (RUN, "replay-incoming"),
        ("2026-11-20T0200-replay-incoming-7f3a9c", "replay-incoming"),
        ("2026-11-20T0200-my-own-photos-7f3a9c", "replay-my-own-photos"),
        ("2026-11-20T0200-7f3a9c", "replay"),
        ("odd", "replay"),
    ],
)
def test_a_replay_is_called_after_what_it_replays(s3: Any, run_id: str, name: str) -> None:
    assert replay.list_for_replay(run_id, comparison_of(), s3, RESULTS)["name"] == name
