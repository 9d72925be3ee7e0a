"""Signed URLs: what they say, where they lead, and whether they live as long as they say."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline import aws
from pipeline.single.images import Image
from pipeline.single.signing import sign

ROLE = "arn:aws:iam::123456789012:role/links"
IMAGE = Image("example-images", "single/a b+\u202e.jpg", "etag", 5, "JPEG")


@pytest.fixture
def region(monkeypatch: pytest.MonkeyPatch, s3: Any) -> Callable[[str], None]:
    """Moves this process to another region."""

    def move(name: str) -> None:
        monkeypatch.setenv("AWS_DEFAULT_REGION", name)
        aws.forget_clients()

    move("us-east-1")
    return move


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@pytest.mark.parametrize("name", ["us-east-1", "eu-west-1"])
def test_a_url_is_of_version_4_and_of_the_buckets_region(region: Callable[[str], None], name: str) -> None:
    region(name)
    url = sign(IMAGE, 600).url
    assert urlsplit(url).netloc == f"example-images.s3.{name}.amazonaws.com"
    assert query(url)["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert f"/{name}/s3/" in query(url)["X-Amz-Credential"]


@pytest.mark.usefixtures("region")
def test_a_url_is_valid_as_long_as_it_is_asked_to() -> None:
    link = sign(IMAGE, 600)
    assert query(link.url)["X-Amz-Expires"] == "600"
    assert abs(link.expires - datetime.now(UTC) - timedelta(seconds=600)) < timedelta(seconds=30)


@pytest.mark.usefixtures("region")
def test_a_browser_is_told_what_the_bytes_are() -> None:
    assert query(sign(IMAGE, 600).url)["response-content-type"] == "image/jpeg"


@pytest.mark.usefixtures("region")
def test_no_character_of_a_key_leaves_the_url() -> None:
    assert sign(IMAGE, 600).url.isascii()
    assert " " not in sign(IMAGE, 600).url


@pytest.mark.usefixtures("region")
def test_a_url_of_long_lived_credentials_is_not_said_to_end_sooner() -> None:
    assert not sign(IMAGE, 600).may_end_sooner


def test_a_url_of_a_session_is_said_to_end_sooner(
    region: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-a-session")
    region("us-east-1")
    assert sign(IMAGE, 600).may_end_sooner


def test_a_url_of_a_role_that_is_assumed_for_it_is_not(
    region: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-a-session")
    region("us-east-1")
    link = sign(IMAGE, 600, ROLE)
    assert not link.may_end_sooner
    assert query(link.url)["X-Amz-Security-Token"] != "of-a-session"


@pytest.mark.usefixtures("region")
@pytest.mark.parametrize(("seconds", "session"), [(60, 900), (900, 900), (3600, 3600)])
def test_the_session_lasts_as_long_as_the_url(monkeypatch: pytest.MonkeyPatch, seconds: int, session: int) -> None:
    asked: list[dict[str, Any]] = []
    sts = aws.client("sts")
    sts.meta.events.register("provide-client-params.sts.AssumeRole", lambda params, **_: asked.append(dict(params)))
    sign(IMAGE, seconds, ROLE)
    assert [each["DurationSeconds"] for each in asked] == [session]


def test_a_url_that_outlives_a_chained_session_is_signed_by_the_function_and_said_to_end_sooner(
    region: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-a-session")
    region("us-east-1")
    link = sign(IMAGE, 3601, ROLE)
    assert link.may_end_sooner
    assert query(link.url)["X-Amz-Security-Token"] == "of-a-session"
