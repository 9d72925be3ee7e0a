"""Manifests: what they name is taken once, and what is wrong with one is said by its position."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import objects
from pipeline.errors import InvalidRunInput
from pipeline.runs import manifests
from pipeline.runs.listings import read_items
from pipeline.runs.manifests import Named, read_manifest
from pipeline.runs.sources import Listing, Prefix
from pipeline.runs.uploads import Manifest
from pipeline.settings import StartRunSettings

SETTINGS = StartRunSettings("example-images", "example-results", "tiny", "incoming/")
MANIFEST = Manifest("example-images", "spring.manifest.json")


class Body:
    """An S3 that holds one object."""

    def __init__(self, body: bytes, length: int | None = None) -> None:
        self._body, self._length = body, len(body) if length is None else length

    def get_object(self, **request: str) -> Any:
        return {"Body": self, "ContentLength": self._length, "ETag": '"e"'}

    def read(self) -> bytes:
        return self._body


def read(*entries: Any) -> Named:
    return read_manifest(Body(json.dumps(entries).encode()), MANIFEST, SETTINGS)  # type: ignore[arg-type]


def test_keys_and_prefixes_of_any_bucket_are_told_apart_by_their_slash() -> None:
    named = read("incoming/a.jpg", "week/47/", "s3://other-bucket/b.jpg", "s3://other-bucket/c/")

    assert named.prefixes == [Prefix("example-images", "week/47/"), Prefix("other-bucket", "c/")]
    assert named.keys == {"example-images": ["incoming/a.jpg"], "other-bucket": ["b.jpg"]}


def test_the_manifest_of_sagemaker_joins_each_string_to_its_prefix() -> None:
    named = read({"prefix": "s3://other-bucket/in"}, "/a.jpg", "coming/b.jpg", "/week/")

    assert named.prefixes == [Prefix("other-bucket", "in/week/")]
    assert named.keys == {"other-bucket": ["in/a.jpg", "incoming/b.jpg"]}


def test_a_whole_bucket_is_a_prefix() -> None:
    assert read("s3://other-bucket/").prefixes == [Prefix("other-bucket", "")]


def test_an_image_that_is_listed_twice_is_taken_once() -> None:
    assert read("b.jpg", "a.jpg", "s3://example-images/b.jpg").keys == {"example-images": ["b.jpg", "a.jpg"]}


def test_an_image_under_a_prefix_that_is_listed_too_goes_with_the_prefix() -> None:
    named = read("a/1.jpg", "a/", "ab.jpg", "s3://other-bucket/a/1.jpg")

    assert named.prefixes == [Prefix("example-images", "a/")]
    assert named.keys == {"example-images": ["ab.jpg"], "other-bucket": ["a/1.jpg"]}


def test_a_prefix_within_another_goes_with_it() -> None:
    assert read("a/b/", "a/", "a/b/c/", "b/").prefixes == [
        Prefix("example-images", "a/"),
        Prefix("example-images", "b/"),
    ]


PARTS = st.text("ab/", min_size=1, max_size=4)


@given(entries=st.lists(PARTS, min_size=1, max_size=12), candidate=PARTS)
def test_an_image_is_taken_exactly_once_or_was_not_named(entries: list[str], candidate: str) -> None:
    named = read(*entries)
    taken = [prefix for prefix in named.prefixes if candidate.startswith(prefix.prefix)]
    taken += [key for keys in named.keys.values() for key in keys if key == candidate]
    wanted = candidate in entries or any(candidate.startswith(entry) for entry in entries if entry.endswith("/"))

    assert len(taken) == wanted


@given(keys=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, unique=True))
def test_any_key_arrives_as_it_is(keys: list[str]) -> None:
    named = read(*(f"s3://example-images/{key}" for key in keys))
    images = {key for key in keys if not key.endswith("/")}

    assert set(named.keys.get("example-images", ())) == {
        key for key in images if not any(key.startswith(prefix.prefix) for prefix in named.prefixes)
    }


def test_keys_become_a_listing_in_the_folder_of_the_run(s3: Any) -> None:
    named = read("week/", "b.jpg", "new\nline \u2028.jpg", "s3://other-bucket/c.jpg")
    named.write_listings(s3, "run-1", "example-results")
    sources = named.sources("run-1", "example-results")

    assert sources == (
        Prefix("example-images", "week/"),
        Listing("example-images", "example-results", "runs/run-1/listings/example-images.jsonl"),
        Listing("other-bucket", "example-results", "runs/run-1/listings/other-bucket.jsonl"),
    )
    lines = objects.get_lines(s3, "example-results", "runs/run-1/listings/example-images.jsonl")
    assert [image.key for image in read_items(lines)] == ["b.jpg", "new\nline \u2028.jpg"]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([1], "spring.manifest.json[0]: expected a key such as incoming/a.jpg, or a prefix such as incoming/, got 1."),
        (["a.jpg", ""], "spring.manifest.json[1]: expected a key such as"),
        (["a.jpg", ["b.jpg"]], "spring.manifest.json[1]: expected a key such as"),
        (["a.jpg", "x" * 1025], "spring.manifest.json[1]: a key has at most 1,024 bytes, and 'xxx"),
        (["half a pair \ud83c.jpg"], "spring.manifest.json[0]: expected text that can be written as UTF-8"),
        (
            ["s3:///a.jpg"],
            "spring.manifest.json[0]: expected s3://bucket/key or s3://bucket/prefix/, got 's3:///a.jpg'",
        ),
        (["s3://No_Bucket/a.jpg"], "spring.manifest.json[0]: expected a bucket name of 3 to 63"),
        (["https://example.com/a.jpg"], "spring.manifest.json[0]: expected a key or an s3:// address"),
        (["a.jpg", "s3://example-results/runs/"], "spring.manifest.json[1]: s3://example-results/runs/ takes in runs/"),
        ([{"prefix": "incoming/"}, "a.jpg"], "spring.manifest.json[0]: expected a key, a prefix, or SageMaker's"),
        ([{"prefix": "s3://b/", "x": 1}, "a.jpg"], "spring.manifest.json[0]: expected a key, a prefix, or SageMaker's"),
        ([{"prefix": "s3://bucket/"}], "names nothing after its prefix; for all below it, write ['s3://bucket/']"),
        ([{"prefix": "s3://bucket/"}, "s3://bucket/a"], "[1]: expected what follows the prefix that stands first"),
        (["a.jpg", {"prefix": "s3://bucket/"}], "spring.manifest.json[1]: expected a key such as"),
        ([], "spring.manifest.json: expected a JSON array of keys and prefixes, at least one, got []"),
        ([f"{number}/" for number in range(101)], "names 101 prefixes, and keys of 0 buckets: together at most 100"),
    ],
)
def test_what_is_wrong_is_said_by_manifest_and_position(entries: list[Any], said: str) -> None:
    with pytest.raises(InvalidRunInput) as refused:
        read(*entries)

    assert said in str(refused.value)
    assert "s3://example-images/spring.manifest.json" in str(refused.value)


@pytest.mark.parametrize("body", [b"", b"a.jpg\nb.jpg\n", b"\xff\xfe\xff", b'["a.jpg"', b"[" * 100_000])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRunInput, match=r"s3://example-images/spring\.manifest\.json is no JSON: "):
        read_manifest(Body(body), MANIFEST, SETTINGS)  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [b"{}", b'"a.jpg"', b"null", b'{"prefix": "s3://bucket/"}'])
def test_what_is_no_array_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRunInput, match="expected a JSON array of keys and prefixes"):
        read_manifest(Body(body), MANIFEST, SETTINGS)  # type: ignore[arg-type]


TEXT = st.text(st.characters(exclude_categories=()))
ENTRIES = TEXT | TEXT.map("s3://{}".format) | TEXT.map("s3://photos/{}".format)
JSON = st.recursive(st.none() | st.booleans() | st.floats() | ENTRIES, lambda inner: st.lists(inner), max_leaves=5)
STARTS = st.fixed_dictionaries({"prefix": ENTRIES | JSON})


@given(document=st.lists(ENTRIES) | st.lists(JSON) | JSON | st.tuples(STARTS, ENTRIES).map(list))
def test_any_json_is_read_or_refused(document: Any) -> None:
    with suppress(InvalidRunInput):
        named = read_manifest(Body(json.dumps(document).encode()), MANIFEST, SETTINGS)  # type: ignore[arg-type]
        assert named.prefixes or named.keys


def test_a_manifest_that_is_too_large_is_not_read() -> None:
    with pytest.raises(InvalidRunInput, match=r"has 50,000,001 bytes, and at most 50,000,000 are read"):
        read_manifest(Body(b"", manifests.LARGEST_MANIFEST + 1), MANIFEST, SETTINGS)  # type: ignore[arg-type]


def test_a_manifest_that_was_deleted_is_not_there(s3: Any) -> None:
    with pytest.raises(InvalidRunInput, match=r"spring\.manifest\.json is not there: it was deleted"):
        read_manifest(s3, MANIFEST, SETTINGS)
