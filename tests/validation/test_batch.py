"""Validating a batch: a verdict for each image, the accepted ones in shards, and nothing lost on the way."""

import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, IncompleteReadError
from botocore.response import StreamingBody

from pipeline import objects, shards
from pipeline.images.decode import decode
from pipeline.limits import DEFAULT_LIMITS, Quarantine
from pipeline.runs.run import Run
from pipeline.shards import Shard
from pipeline.validation import batch as validation
from pipeline.validation import verdicts
from pipeline.validation.verdicts import Accepted, Rejected, Verdict

IMAGES, RESULTS = "example-images", "example-results"
Photo = Callable[..., bytes]


class S3Double:
    """S3 with something done to its GETs: `before` may raise, or return another response."""

    def __init__(self, s3: Any, before: Callable[[str], Any]) -> None:
        self._s3 = s3
        self._before = before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def get_object(self, **request: str) -> Any:
        is_image = request["Bucket"] == IMAGES
        return (self._before(request["Key"]) if is_image else None) or self._s3.get_object(**request)


def refusal(code: str, message: str = "No.") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "GetObject")


def upload(s3: Any, objects: dict[str, bytes]) -> list[dict[str, Any]]:
    """Put the objects and list them as Step Functions does."""
    return [
        {"Key": key, "Etag": s3.put_object(Bucket=IMAGES, Key=key, Body=body)["ETag"], "Size": len(body)}
        for key, body in objects.items()
    ]


def read_verdicts(s3: Any, result: dict[str, Any]) -> list[Verdict]:
    return [verdicts.from_json(line) for line in objects.get_lines(s3, RESULTS, result["verdicts"])]


def read_shards(s3: Any, result: dict[str, Any], run: Run, folder: Path) -> list[Shard]:
    found = []
    for shard in result["shards"]:
        path = folder / f"{shard['id']}.safetensors"
        path.write_bytes(objects.get_bytes(s3, RESULTS, shard["key"]))
        found.append(shards.read(path, run.contract))
    return found


def reasons(found: list[Verdict]) -> list[str]:
    return [verdict.reason if isinstance(verdict, Rejected) else "accepted" for verdict in found]


def test_each_image_gets_a_verdict_in_the_order_of_the_listing(s3: Any, run: Run, photo: Photo) -> None:
    items = upload(
        s3, {"a.jpg": photo(), "b.jpg": b"", "c.jpg": photo()[:300], "d.jpg": b"hello", "e.png": photo(seed=1)}
    )

    result = validation.validate_batch(run, IMAGES, items, s3)

    assert reasons(read_verdicts(s3, result)) == ["accepted", "empty", "truncated", "not_an_image", "accepted"]
    assert (result["listed"], result["accepted"], result["rejected"]) == (5, 2, 3)


def test_accepted_pixels_are_in_the_shard_as_they_were_decoded(s3: Any, run: Run, photo: Photo, tmp_path: Path) -> None:
    bodies = {"a.jpg": photo(seed=1), "broken.jpg": b"x", "b.png": photo(seed=2, format="PNG")}
    result = validation.validate_batch(run, IMAGES, upload(s3, bodies), s3)
    (shard,) = read_shards(s3, result, run, tmp_path)

    assert [row.key for row in shard.rows] == ["a.jpg", "b.png"]
    for row, pixels in zip(shard.rows, shard.images, strict=True):
        assert (pixels == decode(bodies[row.key], run.contract).pixels).all()  # type: ignore[union-attr]


def test_a_row_says_which_object_it_is_of(s3: Any, run: Run, photo: Photo, tmp_path: Path) -> None:
    (item,) = upload(s3, {"a.jpg": photo(40, 30)})
    result = validation.validate_batch(run, IMAGES, [item], s3)
    (shard,) = read_shards(s3, result, run, tmp_path)

    assert shard.rows == (shards.Row(IMAGES, "a.jpg", item["Etag"].strip('"'), item["Size"], 40, 30),)


def test_more_images_than_a_shard_holds_fill_several(
    s3: Any, run: Run, photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "rows_per_shard", lambda contract: 2)
    items = upload(s3, {f"{n}.jpg": photo(seed=n) for n in range(5)})

    result = validation.validate_batch(run, IMAGES, items, s3)

    assert [shard["rows"] for shard in result["shards"]] == [2, 2, 1]
    named = [verdict.shard for verdict in read_verdicts(s3, result) if isinstance(verdict, Accepted)]
    packed = [shard["id"] for shard in result["shards"] for _ in range(shard["rows"])]
    assert named == packed
    keys = [row.key for shard in read_shards(s3, result, run, tmp_path) for row in shard.rows]
    assert keys == [item["Key"] for item in items]


def test_a_batch_that_is_validated_again_writes_the_same(s3: Any, run: Run, photo: Photo) -> None:
    items = upload(s3, {"a.jpg": photo(), "b.jpg": b"x"})
    first = validation.validate_batch(run, IMAGES, items, s3)
    keys = [item.key for item in objects.list_objects(s3, RESULTS, "runs/")]

    assert validation.validate_batch(run, IMAGES, items, s3) == first
    assert [item.key for item in objects.list_objects(s3, RESULTS, "runs/")] == keys


def test_the_counts_are_on_the_verdicts_as_metadata(s3: Any, run: Run, photo: Photo) -> None:
    result = validation.validate_batch(run, IMAGES, upload(s3, {"a.jpg": photo(), "b.jpg": b"x", "c.jpg": b""}), s3)

    assert s3.head_object(Bucket=RESULTS, Key=result["verdicts"])["Metadata"] == {
        "accepted": "1", "rejected": "2", "skipped": "0"
    }  # fmt: skip


def test_a_shard_has_the_tag_that_it_is_deleted_by(s3: Any, run: Run, photo: Photo) -> None:
    result = validation.validate_batch(run, IMAGES, upload(s3, {"a.jpg": photo()}), s3)

    tags = s3.get_object_tagging(Bucket=RESULTS, Key=result["shards"][0]["key"])["TagSet"]
    assert tags == [{"Key": "imagebatch", "Value": "shard"}]


def test_a_folder_is_no_image(s3: Any, run: Run, photo: Photo) -> None:
    result = validation.validate_batch(run, IMAGES, upload(s3, {"in/": b"", "in/a.jpg": photo()}), s3)

    assert (result["listed"], result["passed_over"], result["accepted"]) == (1, 1, 1)


def test_a_key_that_ends_in_a_slash_is_a_folder_whatever_it_holds(s3: Any, run: Run, photo: Photo) -> None:
    result = validation.validate_batch(run, IMAGES, upload(s3, {"in/": photo()}), s3)

    assert (result["listed"], result["passed_over"], result["accepted"]) == (0, 1, 0)


@pytest.mark.parametrize("key", ["in/_READY", "_READY", "in/spring.manifest.json", "in/chosen.jsonl"])
def test_what_steers_runs_is_no_image_and_is_passed_over(s3: Any, run: Run, photo: Photo, key: str) -> None:
    result = validation.validate_batch(run, IMAGES, upload(s3, {key: b"no image", "in/a.jpg": photo()}), s3)

    assert (result["listed"], result["passed_over"], result["rejected"]) == (1, 1, 0)


@pytest.mark.parametrize("key", ["in/_READY.jpg", "in/not_READY", "_READY/a.jpg", "manifest.json"])
def test_what_is_only_called_like_a_control_file_is_an_image(s3: Any, run: Run, photo: Photo, key: str) -> None:
    assert validation.validate_batch(run, IMAGES, upload(s3, {key: photo()}), s3)["accepted"] == 1


def test_the_marker_of_the_run_is_the_one_that_is_passed_over(s3: Any, run: Run, photo: Photo) -> None:
    items = upload(s3, {"done": b"", "_READY": photo()})
    result = validation.validate_batch(replace(run, marker="done"), IMAGES, items, s3)

    assert (result["accepted"], result["passed_over"]) == (1, 1)


def test_an_image_that_was_listed_by_its_key_alone_is_judged_as_it_is(s3: Any, run: Run, photo: Photo) -> None:
    (item,) = upload(s3, {"a.jpg": photo()})
    result = validation.validate_batch(run, IMAGES, [{"Key": "a.jpg"}], s3)

    (verdict,) = read_verdicts(s3, result)
    assert verdict.row.etag == item["Etag"].strip('"')
    assert verdict.notes == ()


def test_an_image_that_was_listed_by_its_key_alone_and_is_not_there_is_unreadable(s3: Any, run: Run) -> None:
    result = validation.validate_batch(run, IMAGES, [{"Key": "missing.jpg"}], s3)

    (verdict,) = read_verdicts(s3, result)
    assert (verdict.reason, verdict.etag, verdict.size) == ("unreadable", "", 0)


def test_an_image_that_was_listed_by_its_key_alone_is_still_too_large(s3: Any, run: Run) -> None:
    small = replace(run, limits=replace(run.limits, max_bytes=10))
    upload(s3, {"large.jpg": b"x" * 11})
    result = validation.validate_batch(small, IMAGES, [{"Key": "large.jpg"}], s3)

    (verdict,) = read_verdicts(s3, result)
    assert (verdict.reason, verdict.size, verdict.notes) == ("too_many_bytes", 11, ())


def test_a_batch_of_folders_writes_no_shard(s3: Any, run: Run) -> None:
    result = validation.validate_batch(run, IMAGES, upload(s3, {"in/": b""}), s3)

    assert (result["listed"], result["shards"]) == (0, [])


@pytest.mark.parametrize(
    "key",
    [
        "a b+c%2F.jpg",
        "\"'<&>.jpg",
        "line\nbreak\r.jpg",
        "\U0001f600\u202egpj.jpg",
        "../../etc/passwd",
        "\u2028.jpg",
        "x" * 1024,
    ],
)
def test_keys_arrive_as_they_are(s3: Any, run: Run, photo: Photo, tmp_path: Path, key: str) -> None:
    item = {"Key": key, "Etag": '"e"', "Size": 1}
    response = {"ETag": '"e"', "ContentLength": 1}
    double = S3Double(s3, lambda _: {**response, "Body": body(photo(), len(photo()))})

    result = validation.validate_batch(run, IMAGES, [item], double)

    (verdict,) = read_verdicts(s3, result)
    (shard,) = read_shards(s3, result, run, tmp_path)
    assert isinstance(verdict, Accepted)
    assert (verdict.row.key, shard.rows[0].key) == (key, key)


def body(data: bytes, length: int) -> StreamingBody:
    """The body of a response that promised `length` bytes."""
    return StreamingBody(BytesIO(data), length)


def test_an_object_deleted_since_it_was_listed_is_unreadable(s3: Any, run: Run, photo: Photo) -> None:
    items = upload(s3, {"a.jpg": photo(), "b.jpg": photo()})
    s3.delete_object(Bucket=IMAGES, Key="a.jpg")

    found = read_verdicts(s3, validation.validate_batch(run, IMAGES, items, s3))

    assert reasons(found) == ["unreadable", "accepted"]
    assert isinstance(found[0], Rejected)
    assert found[0].detail.startswith("NoSuchKey: ")


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidObjectState", "KMS.DisabledException"])
def test_an_object_that_s3_refuses_is_unreadable_in_its_words(s3: Any, run: Run, photo: Photo, code: str) -> None:
    def refuse(key: str) -> None:
        raise refusal(code, "You may not.")

    result = validation.validate_batch(run, IMAGES, upload(s3, {"a.jpg": photo()}), S3Double(s3, refuse))

    (verdict,) = read_verdicts(s3, result)
    assert isinstance(verdict, Rejected)
    assert verdict.reason == "unreadable"
    assert verdict.detail.startswith(f"{code}: You may not. ")


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "NoSuchBucket", "KMS.ThrottlingException"])
def test_a_fault_of_the_service_is_raised_for_the_state_machine_to_retry(
    s3: Any, run: Run, photo: Photo, code: str
) -> None:
    def fail(key: str) -> None:
        raise refusal(code)

    with pytest.raises(ClientError, match=code):
        validation.validate_batch(run, IMAGES, upload(s3, {"a.jpg": photo()}), S3Double(s3, fail))


def test_a_body_that_breaks_off_is_read_again(s3: Any, run: Run, photo: Photo) -> None:
    answers = iter([{"ETag": '"e"', "ContentLength": 9, "Body": body(b"abc", 9)}, None])
    items = upload(s3, {"a.jpg": photo()})

    result = validation.validate_batch(run, IMAGES, items, S3Double(s3, lambda _: next(answers)))

    assert result["accepted"] == 1


def test_a_body_that_keeps_breaking_off_is_raised(s3: Any, run: Run, photo: Photo) -> None:
    double = S3Double(s3, lambda _: {"ETag": '"e"', "ContentLength": 9, "Body": body(b"abc", 9)})

    with pytest.raises(IncompleteReadError):
        validation.validate_batch(run, IMAGES, upload(s3, {"a.jpg": photo()}), double)


def test_an_object_overwritten_since_it_was_listed_is_judged_as_it_is(s3: Any, run: Run, photo: Photo) -> None:
    items = upload(s3, {"a.jpg": b"not yet"})
    etag = s3.put_object(Bucket=IMAGES, Key="a.jpg", Body=photo(20, 10))["ETag"].strip('"')

    (verdict,) = read_verdicts(s3, validation.validate_batch(run, IMAGES, items, s3))

    assert isinstance(verdict, Accepted)
    assert (verdict.row.etag, verdict.row.size) == (etag, len(photo(20, 10)))
    assert verdict.notes == ("changed since listing",)


def test_a_name_that_lies_is_noted_and_decides_nothing(s3: Any, run: Run, photo: Photo) -> None:
    item = {"Key": "a.png", "Size": len(photo())}
    item["Etag"] = s3.put_object(Bucket=IMAGES, Key="a.png", Body=photo(), ContentType="image/gif")["ETag"]

    (verdict,) = read_verdicts(s3, validation.validate_batch(run, IMAGES, [item], s3))

    assert isinstance(verdict, Accepted)
    assert verdict.notes == (
        "suffix: .png, but the bytes are JPEG",
        "Content-Type: image/gif, but the bytes are JPEG",
    )


def test_of_a_rejected_image_it_is_noted_what_it_is_in_truth(s3: Any, run: Run) -> None:
    (verdict,) = read_verdicts(
        s3, validation.validate_batch(run, IMAGES, upload(s3, {"a.jpg": b"<!DOCTYPE html><html>404"}), s3)
    )

    assert isinstance(verdict, Rejected)
    assert verdict.notes == ("suffix: .jpg, but the bytes are HTML",)


def test_rejected_images_are_set_apart_as_the_run_s_policy_says(s3: Any, run: Run, photo: Photo) -> None:
    items = upload(s3, {"a.jpg": photo(), "b.jpg": b"hello"})

    result = validation.validate_batch(replace(run, quarantine=Quarantine.COPY), IMAGES, items, s3)

    (verdict,) = (each for each in read_verdicts(s3, result) if isinstance(each, Rejected))
    assert verdict.quarantined == "s3://example-results/quarantine/not_an_image/b.jpg"


def test_a_condemned_image_is_set_apart_too(s3: Any, run: Run, photo: Photo) -> None:
    items = upload(s3, {"a.jpg": photo()})
    copying = replace(run, quarantine=Quarantine.COPY)

    result = validation.validate_batch(copying, IMAGES, items, s3, {"Error": "Runtime.ExitError", "Cause": ""})

    (verdict,) = read_verdicts(s3, result)
    assert isinstance(verdict, Rejected)
    assert verdict.quarantined == "s3://example-results/quarantine/crashes_decoder/a.jpg"


def test_an_object_listed_too_large_is_not_read(s3: Any, run: Run) -> None:
    def fail(key: str) -> None:
        raise AssertionError("this object should not be read")

    items = [{"Key": "huge.jpg", "Etag": '"e"', "Size": DEFAULT_LIMITS.max_bytes + 1}]

    (verdict,) = read_verdicts(s3, validation.validate_batch(run, IMAGES, items, S3Double(s3, fail)))

    assert reasons([verdict]) == ["too_many_bytes"]


def test_an_object_that_grew_too_large_since_it_was_listed_is_not_read(s3: Any, run: Run) -> None:
    unread = BytesIO(b"what nobody reads")
    double = S3Double(s3, lambda _: {"ETag": '"grown"', "ContentLength": DEFAULT_LIMITS.max_bytes + 1, "Body": unread})

    (verdict,) = read_verdicts(s3, validation.validate_batch(run, IMAGES, upload(s3, {"a.jpg": b"small"}), double))

    assert isinstance(verdict, Rejected)
    assert (verdict.reason, verdict.etag, verdict.size) == ("too_many_bytes", "grown", DEFAULT_LIMITS.max_bytes + 1)
    assert verdict.notes == ("changed since listing",)
    assert unread.closed


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"Error": "Runtime.ExitError", "Cause": '{"errorMessage": "signal: killed"}'}, "crashes_decoder"),
        ({"Error": "Sandbox.Timedout", "Cause": "{}"}, "decode_timeout"),
        ({"Error": "States.Timeout", "Cause": ""}, "decode_timeout"),
        (
            {"Error": "Lambda.Unknown", "Cause": json.dumps({"errorMessage": "Task timed out after 60.00 seconds"})},
            "decode_timeout",
        ),
    ],
)
def test_a_condemned_image_is_rejected_unopened(
    s3: Any, run: Run, photo: Photo, error: dict[str, str], reason: str
) -> None:
    def fail(key: str) -> None:
        raise AssertionError("this object should not be read")

    items = upload(s3, {"a.jpg": photo()})

    (verdict,) = read_verdicts(s3, validation.validate_batch(run, IMAGES, items, S3Double(s3, fail), error))

    assert isinstance(verdict, Rejected)
    assert verdict.reason == reason
    assert verdict.detail.startswith(error["Error"])


def test_a_function_that_ends_after_it_was_given_up_on_overturns_no_verdict(s3: Any, run: Run, photo: Photo) -> None:
    items = upload(s3, {"slow.jpg": photo()})

    result = validation.validate_batch(run, IMAGES, items, s3, {"Error": "States.Timeout", "Cause": ""})
    validation.validate_batch(run, IMAGES, items, s3)

    assert reasons(read_verdicts(s3, result)) == ["decode_timeout"]
