"""Requests of shards: the largest shard is one that is sent, and taken."""

from pipeline.serving.settings import ServingSettings
from pipeline.shards import MAX_HEADER_BYTES, MAX_PIXEL_BYTES, sending


def test_the_largest_shard_is_taken_by_a_server_that_is_told_nothing() -> None:
    assert ServingSettings.from_env({}).max_payload >= MAX_PIXEL_BYTES + MAX_HEADER_BYTES


def test_the_pixels_of_the_largest_shard_fit_where_a_megabyte_is_a_million_bytes() -> None:
    assert sending.PAYLOAD_MB * 1_000_000 > MAX_PIXEL_BYTES


def test_all_that_is_sent_at_once_is_what_a_transform_job_takes() -> None:
    assert sending.PAYLOAD_MB * sending.AT_ONCE <= 100  # CreateTransformJob, MaxPayloadInMB
