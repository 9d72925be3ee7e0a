"""Quarantine: what was judged is set apart, the original stays as it is, and whatever goes wrong is only told."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.limits import Quarantine
from pipeline.local.buckets import FolderBucket
from pipeline.local.cloud import LocalCloud
from pipeline.runs.run import Run
from pipeline.runs.sources import Prefix
from pipeline.shards import Row
from pipeline.validation import quarantine
from pipeline.validation.quarantine import quarantine_key, set_apart
from pipeline.validation.verdicts import Accepted, Rejected, Verdict

IMAGES, RESULTS = "example-images", "example-results"
HOSTILE = ["a b+c%2F.jpg", "\"'<&>.jpg", "line\nbreak.jpg", "\U0001f600\u202egpj.jpg", "\u2028", "x" * 1024]
Put = Callable[..., Rejected]


@pytest.fixture
def copying(run: Run) -> Run:
    return replace(run, quarantine=Quarantine.COPY)


@pytest.fixture
def tagging(run: Run) -> Run:
    return replace(run, quarantine=Quarantine.TAG)


@pytest.fixture
def put(s3: Any) -> Put:
    """Uploads a file that is rejected: `put("a.jpg", b"not an image", Metadata={...})`."""

    def upload(key: str, body: bytes = b"bad", **more: Any) -> Rejected:
        etag = s3.put_object(Bucket=IMAGES, Key=key, Body=body, **more)["ETag"].strip('"')
        return Rejected(IMAGES, key, etag, len(body), "corrupt", "words")

    return upload


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        cloud.client("s3").create_bucket(Bucket=IMAGES)
        cloud.client("s3").create_bucket(Bucket=RESULTS)
        yield cloud


class Failing:
    """S3 where one operation raises."""

    def __init__(self, s3: Any, operation: str, error: Exception) -> None:
        self._s3, self._operation, self._error = s3, operation, error

    def __getattr__(self, name: str) -> Any:
        return self._raise if name == self._operation else getattr(self._s3, name)

    def _raise(self, **request: Any) -> Any:
        raise self._error


def treated(run: Run, s3: Any, *images: Verdict) -> list[str]:
    """What is said of each rejected image."""
    return [verdict.quarantined for verdict in set_apart(run, images, s3) if isinstance(verdict, Rejected)]


def tags_of(s3: Any, bucket: str, key: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}


def keys_of(s3: Any, bucket: str) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_left_alone_nothing_is_asked_of_s3(run: Run, put: Put) -> None:
    image = put("a.jpg")

    assert set_apart(run, [image], None) == [image]  # type: ignore[arg-type]


def test_a_copy_lies_below_its_reason(s3: Any, copying: Run, put: Put) -> None:
    assert treated(copying, s3, put("in/a.jpg")) == ["s3://example-results/quarantine/corrupt/in/a.jpg"]
    assert s3.get_object(Bucket=RESULTS, Key="quarantine/corrupt/in/a.jpg")["Body"].read() == b"bad"


def test_the_original_stays_as_it_is(s3: Any, copying: Run, put: Put) -> None:
    image = put("a.jpg", Metadata={"camera": "7"}, Tagging="team=red")
    treated(copying, s3, image)

    found = s3.get_object(Bucket=IMAGES, Key="a.jpg", IfMatch=image.etag)
    assert (found["Body"].read(), found["Metadata"]) == (b"bad", {"camera": "7"})
    assert tags_of(s3, IMAGES, "a.jpg") == {"team": "red"}


def test_a_copy_keeps_the_metadata_and_says_why_it_is_there_by_its_tags(s3: Any, copying: Run, put: Put) -> None:
    treated(copying, s3, put("a.jpg", Metadata={"camera": "7"}, ContentType="image/jpeg", Tagging="team=red"))

    copy = s3.head_object(Bucket=RESULTS, Key="quarantine/corrupt/a.jpg")
    assert (copy["Metadata"], copy["ContentType"]) == ({"camera": "7"}, "image/jpeg")
    expected = {"imagebatch-quarantine": "corrupt", "imagebatch-run": copying.run_id}
    assert tags_of(s3, RESULTS, "quarantine/corrupt/a.jpg") == expected


def test_accepted_images_and_the_order_are_left_alone(s3: Any, copying: Run, put: Put) -> None:
    accepted = Accepted(Row(IMAGES, "good.jpg", "e", 1, 2, 3), "JPEG", (), (), "b-0")
    verdicts: list[Verdict] = [put("a.jpg"), accepted, put("b.jpg")]

    found = set_apart(copying, verdicts, s3)

    assert found[1] is accepted
    assert [verdict.key for verdict in found if isinstance(verdict, Rejected)] == ["a.jpg", "b.jpg"]
    assert keys_of(s3, RESULTS) == ["quarantine/corrupt/a.jpg", "quarantine/corrupt/b.jpg"]


def test_what_is_there_since_the_verdict_is_not_copied(cloud: LocalCloud, copying: Run) -> None:
    s3 = cloud.client("s3")
    s3.put_object(Bucket=IMAGES, Key="overwritten.jpg", Body=b"good by now")
    image = Rejected(IMAGES, "overwritten.jpg", "0" * 32, 3, "corrupt", "words")

    assert treated(copying, s3, image) == ["not copied: it was overwritten after it was judged"]
    assert keys_of(s3, RESULTS) == []


def test_what_was_deleted_is_not_copied(s3: Any, copying: Run, put: Put) -> None:
    image = put("a.jpg")
    s3.delete_object(Bucket=IMAGES, Key="a.jpg")

    assert treated(copying, s3, image) == ["not copied: it was deleted"]


def test_a_very_large_object_is_not_copied_and_its_size_is_told(s3: Any, copying: Run, put: Put) -> None:
    image = replace(put("a.jpg"), size=quarantine.LARGEST_COPY + 1)

    assert treated(copying, s3, image) == [
        "not copied: it has 1,000,000,001 bytes, and at most 1,000,000,000 are copied"
    ]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "No."}}, "CopyObject"), "AccessDenied: No."),
        (ClientError({"Error": {"Code": "SlowDown", "Message": "Later."}}, "CopyObject"), "SlowDown: Later."),
        (ReadTimeoutError(endpoint_url="s3"), 'ReadTimeoutError: Read timeout on endpoint URL: "s3"'),
    ],
)
def test_an_error_is_told_and_fails_nothing(s3: Any, copying: Run, put: Put, error: Exception, words: str) -> None:
    assert treated(copying, Failing(s3, "copy_object", error), put("a.jpg")) == [f"not copied: {words}"]


def test_a_batch_that_is_validated_again_writes_over_its_own_copies(s3: Any, copying: Run, put: Put) -> None:
    image = put("a.jpg")

    assert treated(copying, s3, image) == treated(copying, s3, image)
    assert keys_of(s3, RESULTS) == ["quarantine/corrupt/a.jpg"]


@pytest.mark.parametrize("key", HOSTILE)
def test_a_hostile_key_is_copied_as_it_is(cloud: LocalCloud, copying: Run, key: str) -> None:
    s3 = cloud.client("s3")
    etag = s3.put_object(Bucket=IMAGES, Key=key, Body=b"bad")["ETag"].strip('"')
    image = Rejected(IMAGES, key, etag, 3, "corrupt", "words")

    (said,) = treated(copying, s3, image)

    copy = quarantine_key(copying, image)
    assert said == f"s3://example-results/{copy}"
    assert s3.get_object(Bucket=RESULTS, Key=copy)["Body"].read() == b"bad"
    s3.delete_object(Bucket=RESULTS, Key=copy)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=1024).filter(
        lambda k: len(k.encode()) <= 1024
    )
)
def test_a_quarantine_key_is_one_that_s3_takes(run: Run, key: str) -> None:
    found = quarantine_key(run, Rejected(IMAGES, key, "e", 1, "too_many_pixels", ""))

    assert len(found.encode()) <= 1024
    assert found == f"quarantine/too_many_pixels/{key}" or "~" in found[-21:]


def test_two_long_keys_that_begin_alike_have_two_copies(run: Run) -> None:
    one, other = (
        quarantine_key(run, Rejected(IMAGES, "\u00e9" * 500 + end, "e", 1, "corrupt", "")) for end in ("one", "other")
    )

    assert one != other


def test_the_same_key_of_two_buckets_has_two_copies(run: Run) -> None:
    several = replace(run, sources=(Prefix(IMAGES, ""), Prefix("others", "")))
    found = [quarantine_key(several, Rejected(bucket, "a.jpg", "e", 1, "empty", "")) for bucket in (IMAGES, "others")]

    assert found == ["quarantine/empty/example-images/a.jpg", "quarantine/empty/others/a.jpg"]


def test_a_tagged_object_keeps_its_own_tags(s3: Any, tagging: Run, put: Put) -> None:
    image = put("a.jpg", Tagging="team=red&imagebatch-run=an-earlier-one")

    assert treated(tagging, s3, image) == ["tagged"]
    expected = {"team": "red", "imagebatch-quarantine": "corrupt", "imagebatch-run": tagging.run_id}
    assert tags_of(s3, IMAGES, "a.jpg") == expected
    assert keys_of(s3, RESULTS) == []


def test_the_tags_of_an_earlier_run_make_room_for_those_of_this_one(s3: Any, tagging: Run, put: Put) -> None:
    own = [f"t{number}=v" for number in range(8)]
    image = put("a.jpg", Tagging="&".join([*own, "imagebatch-quarantine=empty", "imagebatch-run=an-earlier-one"]))

    assert treated(tagging, s3, image) == ["tagged"]
    assert tags_of(s3, IMAGES, "a.jpg")["imagebatch-run"] == tagging.run_id


def test_an_object_without_room_for_tags_says_so(s3: Any, tagging: Run, put: Put) -> None:
    image = put("a.jpg", Tagging="&".join(f"t{number}=v" for number in range(9)))

    assert treated(tagging, s3, image) == ["not tagged: it has 9 tags of its own, and an object can have 10"]
    assert len(tags_of(s3, IMAGES, "a.jpg")) == 9


def test_what_is_there_since_the_verdict_is_not_tagged(s3: Any, tagging: Run, put: Put) -> None:
    image = put("a.jpg")
    put("a.jpg", b"good by now")

    assert treated(tagging, s3, image) == ["not tagged: it was overwritten after it was judged"]
    assert tags_of(s3, IMAGES, "a.jpg") == {}


def test_the_version_that_was_judged_is_the_one_that_is_tagged(s3: Any, tagging: Run, put: Put) -> None:
    s3.put_bucket_versioning(Bucket=IMAGES, VersioningConfiguration={"Status": "Enabled"})
    image = put("a.jpg")
    judged = s3.head_object(Bucket=IMAGES, Key="a.jpg")["VersionId"]

    class OverwrittenMeanwhile:
        def __getattr__(self, name: str) -> Any:
            return getattr(s3, name)

        def get_object_tagging(self, **request: Any) -> Any:
            put("a.jpg", b"good by now")
            return s3.get_object_tagging(**request)

    assert treated(tagging, OverwrittenMeanwhile(), image) == ["tagged"]
    assert tags_of(s3, IMAGES, "a.jpg") == {}
    tagged = s3.get_object_tagging(Bucket=IMAGES, Key="a.jpg", VersionId=judged)["TagSet"]
    assert {tag["Key"] for tag in tagged} == {"imagebatch-quarantine", "imagebatch-run"}


def test_a_served_folder_has_no_tags_and_says_so(cloud: LocalCloud, tagging: Run, tmp_path: Any) -> None:
    (tmp_path / "a.jpg").write_bytes(b"bad")
    cloud.mount("served", FolderBucket(tmp_path))
    s3 = cloud.client("s3")
    etag = s3.head_object(Bucket="served", Key="a.jpg")["ETag"].strip('"')

    (said,) = treated(tagging, s3, Rejected("served", "a.jpg", etag, 3, "corrupt", "words"))

    assert said.startswith("not tagged: ")
    assert f"This bucket is the folder {tmp_path}, served read-only" in said


def test_a_served_folder_s_file_is_copied(cloud: LocalCloud, copying: Run, tmp_path: Any) -> None:
    (tmp_path / "b.jpg").write_bytes(b"bad")
    cloud.mount("copied-from", FolderBucket(tmp_path))
    s3 = cloud.client("s3")
    etag = s3.head_object(Bucket="copied-from", Key="b.jpg")["ETag"].strip('"')

    said = treated(copying, s3, Rejected("copied-from", "b.jpg", etag, 3, "corrupt", "words"))

    assert said == ["s3://example-results/quarantine/corrupt/b.jpg"]
    s3.delete_object(Bucket=RESULTS, Key="quarantine/corrupt/b.jpg")
