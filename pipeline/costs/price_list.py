"""A region's prices out of AWS's own price list, in the form of prices.json: what `imagebatch prices` prints.

The list has a product for everything that is sold in a region. A usage type says which one it is: the region's short
name, where it has one, and what is counted, as in EU-StateTransition (AWS Price List User Guide, "Understanding the
service price list file").
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.costs.prices import UNITS
from pipeline.errors import InvalidPrices

_SHORT_NAME = r"(?:EU-|[A-Z]{2,4}\d{1,2}-)?"
"""Of a region: EU-, USE1-, APN1-. Things of us-east-1, the oldest, often have none."""

_INSTANCES = re.compile(_SHORT_NAME + r"(?:Processing|Tsform):(ml\..+)")
"""An hour of an instance, of a Processing job and of a transform job."""


@dataclass(frozen=True, slots=True)
class _Product:
    """Where the list has a unit: the service, the usage type without the region, and what tells it from others."""

    service: str
    usage: str
    attributes: Mapping[str, str] = field(default_factory=dict)


_PRODUCTS = {
    "lambda_gb_second_arm64": _Product("AWSLambda", "Lambda-GB-Second-ARM"),
    "lambda_request": _Product("AWSLambda", "Request-ARM"),
    "states_transition": _Product("AmazonStates", "StateTransition"),
    "s3_put_request": _Product("AmazonS3", "Requests-Tier1"),
    "s3_get_request": _Product("AmazonS3", "Requests-Tier2"),
    # What Intelligent-Tiering keeps besides its objects has the same usage type.
    "s3_gb_month": _Product("AmazonS3", "TimedStorage-ByteHrs", {"volumeType": "Standard"}),
    "dynamodb_read_request_unit": _Product("AmazonDynamoDB", "ReadRequestUnits"),
    "dynamodb_write_request_unit": _Product("AmazonDynamoDB", "WriteRequestUnits"),
    "sns_request": _Product("AmazonSNS", "Requests-Tier1"),
    "sns_email": _Product("AmazonSNS", "DeliveryAttempts-SMTP"),
    # So have events of partners.
    "events_event": _Product("AWSEvents", "Event-64K-Chunks", {"eventType": "Custom Event"}),
    "processing_volume_gb_month": _Product("AmazonSageMaker", "Processing:VolumeUsage.gp2"),
}
"""By the names in UNITS."""


def read(pricing: Any, region: str, day: str) -> tuple[dict[str, Any], list[str]]:
    """The prices of a region as a prices.json, and the names of UNITS that the list has no one price for.

    `pricing` is boto3's client of the Price List API, `day` today, as 2026-11-21. Where jobs of the two kinds pay
    different prices for a type of instance, the file has the higher. Raises InvalidPrices for a region that the list
    does not have.
    """
    services = {product.service: list(_products(pricing, product.service, region)) for product in _PRODUCTS.values()}
    units = {}
    for name in UNITS:
        product = _PRODUCTS[name]
        if found := _one_price(_matching(services[product.service], product)):
            usd, usage, published = found
            source = f"AWS Price List, {product.service}, {usage}, published on {published}"
            units[name] = {"usd": usd, "date": day, "source": source}
    hours, published = _instance_hours(services["AmazonSageMaker"])
    if not units and not hours:
        raise InvalidPrices(
            f"AWS's price list has nothing for the region {region!r}: expected the code of a region that sells Step"
            " Functions and SageMaker, such as eu-west-1."
        )
    source = f"AWS Price List, AmazonSageMaker, Processing and Tsform, published on {published}"
    of_region = {"prices": units, "instance_hours": {"date": day, "source": source, "usd": hours}}
    return {"currency": "USD", "regions": {region: of_region}}, [name for name in UNITS if name not in units]


def _products(pricing: Any, service: str, region: str) -> Iterator[Mapping[str, Any]]:
    filters = [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": region}]
    for page in pricing.get_paginator("get_products").paginate(ServiceCode=service, Filters=filters):
        # Each is a document of its own, as text (GetProducts, "PriceList").
        yield from map(json.loads, page["PriceList"])


def _matching(products: Iterable[Mapping[str, Any]], wanted: _Product) -> Iterator[Mapping[str, Any]]:
    usage = re.compile(_SHORT_NAME + re.escape(wanted.usage))
    for product in products:
        attributes = product["product"]["attributes"]
        if usage.fullmatch(attributes.get("usagetype", "")) and wanted.attributes.items() <= attributes.items():
            yield product


def _one_price(products: Iterable[Mapping[str, Any]]) -> tuple[float, str, str] | None:
    """US dollars, usage type and day of publication; None where there is no price, or more than one."""
    prices = {usd: product for product in products if (usd := _usd(product)) is not None}
    if len(prices) != 1:
        return None
    ((usd, product),) = prices.items()
    return usd, product["product"]["attributes"]["usagetype"], _published(product)


def _instance_hours(products: Iterable[Mapping[str, Any]]) -> tuple[dict[str, float], str]:
    hours: dict[str, float] = {}
    published = ""
    for product in products:
        match = _INSTANCES.fullmatch(product["product"]["attributes"].get("usagetype", ""))
        if match and (usd := _usd(product)):
            hours[match[1]] = max(usd, hours.get(match[1], 0.0))
            published = max(published, _published(product))
    return dict(sorted(hours.items())), published


def _usd(product: Mapping[str, Any]) -> float | None:
    """On demand, of the first tier of a month that is not free; None where it is not sold for US dollars."""
    tiers = [
        (float(tier["beginRange"]), float(tier["pricePerUnit"]["USD"]))
        for term in product.get("terms", {}).get("OnDemand", {}).values()
        for tier in term["priceDimensions"].values()
        if "USD" in tier["pricePerUnit"]
    ]
    if not tiers:
        return None
    return next((usd for _, usd in sorted(tiers) if usd), 0.0)


def _published(product: Mapping[str, Any]) -> str:
    return str(product.get("publicationDate", ""))[:10]
