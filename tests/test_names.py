"""Names, held to the patterns in botocore's service models."""

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import cache

import botocore.session
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import names

times = st.integers(1_600_000_000, 3_600_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
triples = st.tuples(st.text(), st.text(), st.text())


@cache
def sagemaker_pattern(shape: str) -> tuple[re.Pattern[str], int]:
    metadata = botocore.session.get_session().get_service_model("sagemaker").shape_for(shape).metadata
    return re.compile(metadata["pattern"]), metadata["max"]


@pytest.mark.parametrize("shape", ["ProcessingJobName", "TransformJobName"])
@settings(deadline=None)  # the first example reads SageMaker's model
@given(prefix=st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9-]{0,40}", fullmatch=True), subject=st.text(), at=times)
def test_a_job_name_with_its_retry_is_one_that_sagemaker_takes(
    shape: str, prefix: str, subject: str, at: datetime
) -> None:
    pattern, longest = sagemaker_pattern(shape)
    name = names.job_name(prefix, names.run_id(at, subject, "trigger"), names.partition_id(99)) + "-99-9-99"
    assert pattern.fullmatch(name)
    assert len(name) <= longest


@given(subject=st.text(), identity=st.text(), at=times)
def test_a_run_id_is_a_name_that_step_functions_and_s3_take_as_it_is(subject: str, identity: str, at: datetime) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9-]{1,60}", names.run_id(at, subject, identity))


@given(earlier=times, later=times)
def test_run_ids_sort_by_the_minute_they_started(earlier: datetime, later: datetime) -> None:
    first, second = sorted((earlier, later))
    if second - first >= timedelta(minutes=1):
        assert names.run_id(first, "z", "1") < names.run_id(second, "a", "2")


def test_a_run_id_reads_as_time_subject_and_hash() -> None:
    at = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
    assert re.fullmatch(r"2026-11-20T0200-incoming-[0-9a-f]{6}", names.run_id(at, "incoming/", "a trigger"))


def test_a_run_id_is_in_utc() -> None:
    at = datetime(2026, 11, 20, 3, 30, tzinfo=timezone(timedelta(hours=2)))
    assert names.run_id(at, "x", "y").startswith("2026-11-20T0130-")


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        names.run_id(datetime(2026, 11, 20), "x", "y")  # noqa: DTZ001


def test_a_longer_hash_tells_two_identities_apart_and_begins_alike() -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    assert names.run_id(at, "x", "y", hash_length=12).startswith(names.run_id(at, "x", "y"))


@given(triples, triples)
def test_fingerprints_differ_where_parts_do(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert (names.fingerprint(*one) == names.fingerprint(*other)) == (one == other)


@given(st.lists(st.tuples(st.text(), st.text()), unique=True), st.randoms())
def test_a_batch_id_does_not_depend_on_the_order_of_its_images(images: list[tuple[str, str]], random) -> None:
    shuffled = images.copy()
    random.shuffle(shuffled)
    assert names.batch_id("bucket", images, "c") == names.batch_id("bucket", shuffled, "c")


def test_a_batch_id_depends_on_bucket_contract_and_etag() -> None:
    ids = {
        names.batch_id("a", [("k", "1")], "c"),
        names.batch_id("b", [("k", "1")], "c"),
        names.batch_id("a", [("k", "2")], "c"),
        names.batch_id("a", [("k", "1")], "d"),
    }
    assert len(ids) == 4


@given(st.text())
def test_a_slug_is_lower_case_words_with_single_hyphens(text: str) -> None:
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", names.slug(text))


def test_job_names_of_two_long_runs_differ() -> None:
    long = "incoming-" * 8
    assert names.job_name("imagebatch", long + "a", "p0000") != names.job_name("imagebatch", long + "b", "p0000")


@settings(deadline=None)
@given(prefix=st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9-]{0,70}", fullmatch=True), key=st.text(), identity=st.text())
def test_the_name_of_the_job_of_any_image_is_one_that_sagemaker_takes(prefix: str, key: str, identity: str) -> None:
    pattern, longest = sagemaker_pattern("ProcessingJobName")
    name = names.image_job_name(prefix, key, identity)
    assert pattern.fullmatch(name)
    assert len(name) <= longest


def test_the_job_of_an_image_is_called_after_its_file() -> None:
    assert names.image_job_name("imagebatch", "single/2026/My Daisy.JPG", "x").startswith("imagebatch-my-daisy-")


def test_jobs_of_images_that_are_called_alike_have_different_names() -> None:
    made = {names.image_job_name("imagebatch", f"{folder}/daisy.jpg", folder) for folder in "ab"}
    assert len(made) == 2
