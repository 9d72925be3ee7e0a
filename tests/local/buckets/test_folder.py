"""A folder as a bucket, without HTTP: what is in it, in which order, and what is not."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.buckets import BucketError, FolderBucket
from pipeline.local.buckets.base import Conditions, after_prefix


def put(root: Path, *keys: str) -> None:
    for key in keys:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(key.encode())


def keys_of(bucket: FolderBucket, prefix: str = "", start: str = "") -> list[str]:
    return [info.key for info in bucket.walk(prefix, start)]


def content(bucket: FolderBucket, key: str) -> bytes:
    part = bucket.read(key, Conditions()).body
    with part.file as file:  # type: ignore[union-attr]
        return bytes(file.read())


def test_keys_come_in_the_order_of_their_bytes_and_not_of_the_tree(tmp_path: Path) -> None:
    put(tmp_path, "a/b", "a-b", "a.b", "a0", "Z", "é", "a/b.c/d", "a/c")
    keys = keys_of(FolderBucket(tmp_path))
    assert keys == sorted(keys, key=str.encode)
    assert keys.index("a-b") < keys.index("a.b") < keys.index("a/b") < keys.index("a0")


@pytest.mark.parametrize(
    "key", ["a b", "a+b", "a%2Fb", "it's", '"', "new\nline", "🙂/日本", "\u202egpj.exe", "tab\t", "\x01"]
)
def test_any_name_is_a_key_and_reads_back(tmp_path: Path, key: str) -> None:
    put(tmp_path, key)
    bucket = FolderBucket(tmp_path)
    assert keys_of(bucket) == [key]
    assert content(bucket, key) == key.encode()


def test_hidden_files_and_folders_are_not_part_of_the_bucket(tmp_path: Path) -> None:
    put(tmp_path, "seen", ".hidden", ".git/config", "a/.DS_Store", "a/.x/y")
    bucket = FolderBucket(tmp_path)
    assert keys_of(bucket) == ["seen"]
    for key in (".hidden", ".git/config", "a/.x/y"):
        with pytest.raises(BucketError, match="NoSuchKey"):
            bucket.head(key)


def test_excluded_folders_are_neither_listed_nor_read(tmp_path: Path) -> None:
    put(tmp_path, "seen", "out/run/results", "deep/out")
    bucket = FolderBucket(tmp_path, exclude=[tmp_path / "out", tmp_path / "deep" / "out"])
    assert keys_of(bucket) == ["seen"]
    assert keys_of(bucket, "out/run/") == []
    for key in ("out/run/results", "deep/out"):
        with pytest.raises(BucketError, match="NoSuchKey"):
            bucket.head(key)


def test_what_only_begins_like_an_excluded_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "outing.jpg").touch()
    assert FolderBucket(tmp_path, exclude=[tmp_path / "out"]).head("outing.jpg").key == "outing.jpg"


@pytest.mark.parametrize(
    ("key", "content_type"),
    [
        ("a.jpg", "image/jpeg"),
        ("a.JPG", "image/jpeg"),
        ("a.b.png", "image/png"),
        ("a.tar.gz", "application/x-tar"),
        ("plain", "binary/octet-stream"),
        ("folder.jpg/plain", "binary/octet-stream"),
        ("a.unheard", "binary/octet-stream"),
    ],
)
def test_a_name_says_of_which_type_a_file_is(tmp_path: Path, key: str, content_type: str) -> None:
    path = tmp_path / key
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert FolderBucket(tmp_path).head(key).description.content_type == content_type


def test_an_excluded_folder_is_not_listed_by_another_name_either(tmp_path: Path) -> None:
    put(tmp_path, "seen", "out/results")
    (tmp_path / "alias").symlink_to(tmp_path / "out")
    assert keys_of(FolderBucket(tmp_path, exclude=[tmp_path / "out"])) == ["seen"]


@pytest.mark.parametrize(
    "key", ["../secret", "a/../../secret", "/etc/passwd", "a//b", "a/", "", ".", "a/./b", "nul\0", "x" * 1025, "\udcff"]
)
def test_no_key_leaves_the_folder(tmp_path: Path, key: str) -> None:
    root = tmp_path / "root"
    put(tmp_path, "secret", "root/a/b")
    with pytest.raises(BucketError, match="NoSuchKey"):
        FolderBucket(root).head(key)
    with pytest.raises(BucketError, match="NoSuchKey"):
        FolderBucket(root).read(key, Conditions())


@pytest.mark.parametrize("prefix", ["../", "../secret", "/", "a/../../"])
def test_no_prefix_leaves_the_folder(tmp_path: Path, prefix: str) -> None:
    put(tmp_path, "secret", "root/a/b")
    assert keys_of(FolderBucket(tmp_path / "root"), prefix) == []


def test_a_folder_is_no_object(tmp_path: Path) -> None:
    put(tmp_path, "a/b")
    with pytest.raises(BucketError, match="NoSuchKey"):
        FolderBucket(tmp_path).head("a")


def test_a_named_pipe_is_no_object(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    bucket = FolderBucket(tmp_path)
    assert keys_of(bucket) == []
    with pytest.raises(BucketError, match="NoSuchKey"):
        bucket.read("pipe", Conditions())


def test_links_are_followed(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/photo", "root/own")
    root = tmp_path / "root"
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "file").symlink_to(tmp_path / "elsewhere" / "photo")
    (root / "broken").symlink_to(tmp_path / "nowhere")
    bucket = FolderBucket(root)
    assert keys_of(bucket) == ["file", "linked/photo", "own"]
    assert content(bucket, "linked/photo") == b"elsewhere/photo"


def test_a_link_to_a_folder_above_ends_the_walk_there(tmp_path: Path) -> None:
    put(tmp_path, "a/b")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    assert keys_of(FolderBucket(tmp_path)) == ["a/b"]


def test_names_that_cannot_be_keys_are_left_out_and_told(tmp_path: Path) -> None:
    put(tmp_path, "good")
    try:
        put(tmp_path, *["/".join([letter * 200] * 6) for letter in "ab"])
        (Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))).touch()
    except OSError:
        pytest.skip("macOS has neither paths that long nor names that are not UTF-8")
    bucket = FolderBucket(tmp_path)
    assert keys_of(bucket) == ["good"]
    assert len(bucket.unlistable) == 3
    assert r"caf\xe9.jpg" in bucket.unlistable


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_may_not_be_listed_fails_the_listing(tmp_path: Path) -> None:
    put(tmp_path, "closed/photo")
    (tmp_path / "closed").chmod(0)
    try:
        with pytest.raises(BucketError, match=r"AccessDenied.*closed"):
            keys_of(FolderBucket(tmp_path))
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_the_etag_follows_the_files_state_without_its_content(tmp_path: Path) -> None:
    put(tmp_path, "a", "b")
    bucket = FolderBucket(tmp_path)
    first = bucket.head("a").etag
    assert bucket.head("a").etag == first != bucket.head("b").etag
    os.utime(tmp_path / "a", ns=(1, 1))
    assert bucket.head("a").etag != first
    assert first.endswith('-1"')


def test_a_file_that_is_deleted_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    put(tmp_path, "a")
    part = FolderBucket(tmp_path).read("a", Conditions()).body
    (tmp_path / "a").unlink()
    with part.file as file:  # type: ignore[union-attr]
        assert file.read() == b"a"


def test_a_file_that_vanishes_during_a_listing_is_left_out(tmp_path: Path) -> None:
    put(tmp_path, "a", "b", "c")
    walk = FolderBucket(tmp_path).walk()
    assert next(walk).key == "a"
    (tmp_path / "b").unlink()
    assert [info.key for info in walk] == ["c"]


def test_a_page_goes_on_where_the_one_before_ended(tmp_path: Path) -> None:
    put(tmp_path, *[f"{number:02}" for number in range(7)])
    bucket, after, seen = FolderBucket(tmp_path), "", []
    while True:
        page = bucket.list_objects(after=after, max_keys=3)
        seen.append([info.key for info in page.objects])
        if page.next_after is None:
            break
        after = page.next_after
    assert seen == [["00", "01", "02"], ["03", "04", "05"], ["06"]]


def test_the_same_page_can_be_asked_for_twice(tmp_path: Path) -> None:
    put(tmp_path, "a", "b", "c", "d")
    bucket = FolderBucket(tmp_path)
    bucket.list_objects(max_keys=2)
    pages = [bucket.list_objects(after="b", max_keys=1) for _ in range(2)]
    assert pages[0] == pages[1]
    assert [info.key for info in pages[0].objects] == ["c"]


@given(st.text(min_size=1), st.text())
def test_what_comes_after_a_prefix_comes_after_all_that_begins_with_it(prefix: str, rest: str) -> None:
    beyond = after_prefix(prefix)
    if beyond is not None:
        assert prefix + rest < beyond
    else:
        assert set(prefix) == {"\U0010ffff"}
