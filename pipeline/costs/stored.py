"""What a stack keeps in its results bucket about costs.

    prices.json                             prices that override those that ship (prices.py): somebody puts it there
    rates/<model>/<instance type>.json      how fast the last run of this model was, on this type (rates.py)

Both may be missing. Rates that do not read are passed over: they are written anew by the next run.
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pipeline import objects
from pipeline.costs import prices
from pipeline.costs.prices import Prices
from pipeline.costs.rates import Measured, Rates
from pipeline.runs import keys

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def load_prices(s3: "S3Client", bucket: str, region: str) -> Prices:
    """The prices of a region as this stack knows them. Raises InvalidPrices where its own do not read."""
    return prices.load(region, *_own_prices(s3, bucket))


def check_prices(s3: "S3Client", bucket: str) -> None:
    """Raises InvalidPrices where this stack has prices of its own that do not read."""
    _own_prices(s3, bucket)


def _own_prices(s3: "S3Client", bucket: str) -> list[tuple[str, Any]]:
    text = _get(s3, bucket, keys.PRICES)
    return [] if text is None else [prices.parse(objects.s3_uri(bucket, keys.PRICES), text)]


def load_rates(s3: "S3Client", bucket: str, model: str, types: Iterable[str]) -> Rates:
    """The default rates, and in their place what runs of this model on these types have measured."""
    rates = Rates()
    for instance_type in types:
        text = _get(s3, bucket, keys.rates_key(model, instance_type))
        found = None if text is None else _measured(text)
        if found is not None:
            rates = rates.learnt(found)
    return rates


def store_rates(s3: "S3Client", bucket: str, model: str, measured: Measured) -> None:
    """Keep what a run has measured; nothing, where its jobs were too short to tell how fast they were."""
    if measured.instance_type is not None and measured.job_images_per_second is not None:
        objects.put_json(s3, bucket, keys.rates_key(model, measured.instance_type), measured.to_json())


def _measured(text: bytes) -> Measured | None:
    try:
        document: Any = json.loads(text)
        return Measured.from_json(document)
    except (ValueError, KeyError, TypeError):
        return None


def _get(s3: "S3Client", bucket: str, key: str) -> bytes | None:
    try:
        return objects.get_bytes(s3, bucket, key)
    except ClientError as error:
        if objects.is_out_of_reach(error):
            return None
        raise
