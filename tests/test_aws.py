"""Clients: one for each service, also when many threads ask at once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pipeline import aws


def test_threads_that_ask_at_once_get_the_same_client(s3: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(lambda _: aws.client("s3"), range(32)))

    assert all(client is s3 for client in clients)


def test_clients_are_made_again_once_forgotten(s3: Any) -> None:
    aws.forget_clients()

    assert aws.client("s3") is not s3


def test_credentials_are_read_again_once_clients_are_forgotten(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-somebody-else")
    aws.forget_clients()

    assert aws.client("s3")._request_signer._credentials.access_key == "of-somebody-else"


def test_clients_retry_throttling_and_do_not_wait_for_ever(s3: Any) -> None:
    config = s3.meta.config

    assert (config.retries["mode"], config.connect_timeout, config.read_timeout) == ("standard", 5, 60)
