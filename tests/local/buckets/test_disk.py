"""The store itself: what lasts, what is undone, and who wins."""

import io
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.buckets import BucketError, DiskBucket
from pipeline.local.buckets.base import Conditions, Description, ObjectInfo, WriteConditions
from pipeline.local.buckets.index import Index
from pipeline.local.buckets.uploads import NamedPart
from pipeline.local.http_messages import FilePart

PLAIN, ALWAYS = Description(), WriteConditions()


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[DiskBucket]:
    bucket = DiskBucket(tmp_path / "bucket")
    yield bucket
    bucket.close()


def put(bucket: DiskBucket, key: str, content: bytes, conditions: WriteConditions = ALWAYS) -> ObjectInfo:
    with bucket.receive(io.BytesIO(content)) as body:
        return bucket.put(key, body, PLAIN, conditions)


def read(bucket: DiskBucket, key: str) -> bytes:
    body = bucket.read(key, Conditions()).body
    assert isinstance(body, FilePart)
    with body.file as file:
        return file.read()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "bodies").iterdir())


class BreaksOff(io.BytesIO):
    """A body whose connection is lost in the middle."""

    def readinto(self, buffer: object) -> int:
        count = super().readinto(buffer)  # type: ignore[arg-type]
        if not count:
            raise ConnectionResetError
        return count


def test_a_bucket_that_is_opened_again_has_everything(tmp_path: Path) -> None:
    description = Description("image/jpeg", "STANDARD_IA", {"x-amz-meta-a": "b"}, {"k": "v"})
    first = DiskBucket(tmp_path)
    with first.receive(io.BytesIO(b"content"), "CRC32") as body:
        written = first.put("a/é", body, description)
    first.close()
    again = DiskBucket(tmp_path)
    assert list(again.walk()) == [written]
    assert again.head("a/é") == written
    assert read(again, "a/é") == b"content"
    again.close()


def test_a_bucket_that_was_never_closed_is_opened_again(tmp_path: Path) -> None:
    killed = DiskBucket(tmp_path)
    put(killed, "key", b"content")
    again = DiskBucket(tmp_path)
    assert read(again, "key") == b"content"
    for bucket in (killed, again):
        bucket.close()


def test_an_upload_goes_on_in_a_bucket_that_was_opened_again(tmp_path: Path) -> None:
    first = DiskBucket(tmp_path)
    begun = first.uploads.begin("key", PLAIN, None, None)
    with first.receive(io.BytesIO(b"content")) as body:
        part = first.uploads.add(begun, 1, body)
    first.close()
    again = DiskBucket(tmp_path)
    assert again.uploads.pending("", ("", ""), 10) == [begun]
    assert again.uploads.parts(begun) == [part]
    again.uploads.complete(begun, [NamedPart(1, part.etag)], WriteConditions())
    assert read(again, "key") == b"content"
    again.close()


def test_bodies_that_no_object_names_are_removed_at_the_start(tmp_path: Path) -> None:
    first = DiskBucket(tmp_path)
    put(first, "key", b"content")
    first.close()
    kept = files(tmp_path)
    (tmp_path / "bodies" / "unfinished").write_bytes(b"cont")
    DiskBucket(tmp_path).close()
    assert files(tmp_path) == kept


def test_a_body_that_breaks_off_leaves_the_old_object(bucket: DiskBucket, tmp_path: Path) -> None:
    put(bucket, "key", b"old")
    with pytest.raises(ConnectionResetError), bucket.receive(BreaksOff(b"new")):
        pytest.fail("nothing was received")
    assert read(bucket, "key") == b"old"
    assert len(files(tmp_path / "bucket")) == 1


def test_overwriting_and_deleting_leave_no_files(bucket: DiskBucket, tmp_path: Path) -> None:
    put(bucket, "key", b"first")
    put(bucket, "key", b"second")
    assert len(files(tmp_path / "bucket")) == 1
    bucket.delete("key")
    assert files(tmp_path / "bucket") == []


def test_a_reader_is_not_disturbed_by_who_overwrites(bucket: DiskBucket) -> None:
    put(bucket, "key", b"old")
    reading = bucket.read("key", Conditions())
    put(bucket, "key", b"new")
    assert isinstance(reading.body, FilePart)
    with reading.body.file as file:
        assert file.read() == b"old"


def test_of_many_who_write_where_nothing_is_exactly_one_wins(bucket: DiskBucket, tmp_path: Path) -> None:
    ready = threading.Barrier(8)

    def write(number: int) -> int | None:
        with bucket.receive(io.BytesIO(b"%d" % number)) as body:
            ready.wait()
            bucket.put("key", body, PLAIN, WriteConditions(if_absent=True))
        return number

    with ThreadPoolExecutor(8) as pool:
        written = [pool.submit(write, number) for number in range(8)]
    (winner,) = (future.result() for future in written if not future.exception())
    assert {error.code for f in written if isinstance(error := f.exception(), BucketError)} == {"PreconditionFailed"}
    assert read(bucket, "key") == b"%d" % winner
    assert len(files(tmp_path / "bucket")) == 1


def test_of_many_who_write_over_one_state_exactly_one_wins(bucket: DiskBucket) -> None:
    etag = put(bucket, "key", b"0").etag
    ready = threading.Barrier(8)

    def write(number: int) -> None:
        with bucket.receive(io.BytesIO(b"%d" % number)) as body:
            ready.wait()
            bucket.put("key", body, PLAIN, WriteConditions(if_match=etag))

    with ThreadPoolExecutor(8) as pool:
        written = [pool.submit(write, number) for number in range(1, 9)]
    assert sum(future.exception() is None for future in written) == 1


def test_a_match_with_nothing_is_no_such_key(bucket: DiskBucket) -> None:
    with pytest.raises(BucketError, match="NoSuchKey"):
        put(bucket, "key", b"new", WriteConditions(if_match='"0"'))


def test_an_object_is_deleted_only_as_it_is_known(bucket: DiskBucket) -> None:
    etag = put(bucket, "key", b"new").etag
    with pytest.raises(BucketError, match="PreconditionFailed"):
        bucket.delete("key", '"0"')
    bucket.delete("key", etag)
    with pytest.raises(BucketError, match="NoSuchKey"):
        bucket.delete("key", etag)


def test_a_bucket_with_objects_is_not_retired(bucket: DiskBucket) -> None:
    put(bucket, "key", b"")
    with pytest.raises(BucketError, match="BucketNotEmpty"):
        bucket.retire()
    put(bucket, "key", b"still written")


def test_a_retired_bucket_takes_nothing(bucket: DiskBucket) -> None:
    bucket.retire()
    with pytest.raises(BucketError, match="NoSuchBucket"):
        put(bucket, "key", b"")


def test_a_closed_bucket_says_so(tmp_path: Path) -> None:
    bucket = DiskBucket(tmp_path)
    bucket.close()
    with pytest.raises(BucketError, match="ServiceUnavailable"):
        bucket.head("key")


KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=4)


@given(keys=st.sets(KEYS, max_size=40), prefix=st.text(max_size=2), start=st.text(max_size=3))
def test_a_walk_is_in_the_order_of_code_points(
    tmp_path_factory: pytest.TempPathFactory, keys: set[str], prefix: str, start: str
) -> None:
    bucket = DiskBucket(tmp_path_factory.mktemp("bucket"))
    for key in keys:
        put(bucket, key, b"")
    expected = sorted(key for key in keys if key.startswith(prefix) and key >= start)
    assert [info.key for info in bucket.walk(prefix, start)] == expected
    bucket.close()


def test_a_page_does_not_list_what_was_deleted_since_the_one_before(bucket: DiskBucket) -> None:
    for key in "abc":
        put(bucket, key, b"")
    page = bucket.list_objects(max_keys=1)
    bucket.delete("b")
    assert page.next_after == "a"
    assert [info.key for info in bucket.list_objects(after="a").objects] == ["c"]


def test_a_full_disk_is_told_as_such_and_the_bucket_goes_on_once_there_is_room(tmp_path: Path) -> None:
    bucket = DiskBucket(tmp_path)
    limit = bucket._index._connection.execute
    (pages,) = limit("PRAGMA page_count").fetchone()
    limit(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="disk is full"):
        put(bucket, "k" * 10_000, b"")
    assert files(tmp_path) == []
    limit(f"PRAGMA max_page_count = {pages + 100}")
    put(bucket, "key", b"content")
    assert read(bucket, "key") == b"content"
    bucket.close()


def test_a_transaction_that_cannot_be_committed_does_not_stand_in_the_way_of_the_next(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite")
    index._connection.executescript(
        "PRAGMA foreign_keys = ON; CREATE TABLE child (parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY"
        " DEFERRED); CREATE TABLE parents (id INTEGER PRIMARY KEY);"
    )
    with pytest.raises(sqlite3.IntegrityError), index.transaction():
        index._connection.execute("INSERT INTO child VALUES (1)")
    with index.transaction():
        index.put_object(ObjectInfo("key", 0, datetime.now(UTC), '"etag"'), "body")
    assert index.object("key") is not None
    index.close()
