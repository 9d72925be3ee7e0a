"""boto3 sessions whose clients read times quickly.

botocore reads each time of an answer with dateutil's parser, which guesses its format: half of what listing a bucket
costs. The local cloud lists for distributed maps, a time for each image.
"""

import datetime
from typing import Any

import boto3
from botocore.utils import parse_timestamp

from pipeline import service_models


def session(access_key: str, region: str) -> Any:
    """A session of its own. (Any: its client() is typed per service by literals, and here the name is a variable.)"""
    core = service_models.session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_time)
    return boto3.Session(
        aws_access_key_id=access_key, aws_secret_access_key=access_key, region_name=region, botocore_session=core
    )


def read_time(value: Any) -> datetime.datetime:
    """As botocore reads a time: what S3 writes, ISO 8601 in UTC, at once, and whatever else by its own function."""
    if isinstance(value, str) and value[10:11] == "T" and value.endswith("Z"):
        try:
            return datetime.datetime.fromisoformat(value)
        except ValueError:
            pass
    read: datetime.datetime = parse_timestamp(value)
    return read
