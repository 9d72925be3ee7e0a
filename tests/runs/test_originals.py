"""Which photos a job may be given: those that its container takes, and whose answers have a key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contract import ImagePayload
from pipeline.runs import keys
from pipeline.runs.originals import LONGEST_KEY, why_not_sent
from pipeline.shards import Row

PAYLOAD = ImagePayload("image/jpeg", max_payload_mb=2)
RUN = "2026-11-20T0200-incoming-7f3a9c"


def photo(key: str = "a.jpg", size: int = 1) -> Row:
    return Row("images", key, "etag", size, 4, 3)


@pytest.mark.parametrize(("size", "error"), [(2_000_000, None), (2_000_001, "TooLargeForContainer")])
def test_a_photo_may_have_as_many_millions_of_bytes_as_the_contract_says(size: int, error: str | None) -> None:
    why = why_not_sent(photo(size=size), PAYLOAD, RUN)
    assert (why and why.error) == error


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=1024).filter(lambda key: len(key.encode()) <= 1024))
def test_what_is_sent_has_an_answer_whose_key_s3_takes(key: str) -> None:
    answer = keys.answer_key(RUN, "p0099", key)
    assert (why_not_sent(photo(key), PAYLOAD, RUN) is None) == (len(answer.encode()) <= LONGEST_KEY)


def test_a_key_that_is_too_long_is_told_by_how_much() -> None:
    why = why_not_sent(photo("é" * 500), PAYLOAD, RUN)
    assert why is not None
    room = LONGEST_KEY - len(keys.answer_key(RUN, "p0000", ""))
    assert why.error == "KeyTooLong"
    assert f"Shorten the photo's key by {1000 - room}." in why.detail
