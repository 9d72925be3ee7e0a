"""Times in answers, against botocore's own reading of them."""

from datetime import UTC, datetime

import pytest
from botocore.awsrequest import AWSResponse
from botocore.utils import parse_timestamp
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local import clients


class Answer(AWSResponse):  # type: ignore[misc]  (botocore has no types)
    """What S3 answers, without S3."""

    def __init__(self, url: str, body: bytes) -> None:
        super().__init__(url, 200, {}, None)
        self._content = body


times = st.floats(86_400, 4_102_444_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(time=times, timespec=st.sampled_from(["seconds", "milliseconds", "microseconds"]))
def test_a_time_as_s3_lists_it_is_read_as_botocore_reads_it(time: datetime, timespec: str) -> None:
    written = time.isoformat(timespec=timespec).replace("+00:00", "Z")

    assert clients.read_time(written) == parse_timestamp(written)


@given(seconds=st.integers(86_400, 4_102_444_800))
def test_seconds_since_1970_are_no_date(seconds: int) -> None:
    assert clients.read_time(str(seconds)) == clients.read_time(seconds) == parse_timestamp(seconds)


@pytest.mark.parametrize("written", ["Wed, 12 Nov 2026 02:00:00 GMT", "2026-11-12T02:00:00+01:00", "20261112T020000Z"])
def test_other_formats_are_left_to_botocore(written: str) -> None:
    assert clients.read_time(written) == parse_timestamp(written)


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid timestamp"):
        clients.read_time("0000-00-00T00:00:00Z")


def test_clients_of_a_session_read_times_so(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(clients, "read_time", lambda value: read.append(value))
    client = clients.session("local", "us-east-1").client("s3")
    body = b"<R><Buckets><Bucket><CreationDate>2026-11-12T02:00:00.000Z</CreationDate></Bucket></Buckets></R>"
    client.meta.events.register("before-send.s3.ListBuckets", lambda request, **_: Answer(request.url, body))

    client.list_buckets()

    assert read == ["2026-11-12T02:00:00.000Z"]
