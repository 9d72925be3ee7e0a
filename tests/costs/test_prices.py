"""Prices: those that ship are dated and whole, others stand in for them, and none is made up."""

import json
from datetime import date
from typing import Any

import botocore.session
import pytest

from pipeline.costs import prices
from pipeline.errors import InvalidPrices


def override(region: str = "us-east-1", **fields: Any) -> tuple[str, Any]:
    return "mine.json", {"regions": {region: fields}}


def test_every_unit_has_a_price_that_ships_with_a_date_and_a_source() -> None:
    shipped = prices.load(prices.SHIPPED_REGION)
    assert set(shipped.units) == set(prices.UNITS)
    for price in (*shipped.units.values(), *shipped.instances.values()):
        assert price.usd > 0
        assert date.fromisoformat(price.date) <= date(2026, 11, 21)
        assert price.source


def test_every_type_that_has_a_price_is_one_that_sagemaker_has() -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    types = {name for kind in ("Processing", "Transform") for name in model.shape_for(f"{kind}InstanceType").enum}
    assert set(prices.load(prices.SHIPPED_REGION).instances) - types == set()


def test_every_type_that_has_a_price_has_a_number_of_processors() -> None:
    assert [name for name in prices.load(prices.SHIPPED_REGION).instances if not prices.vcpus(name)] == []


def test_the_types_that_the_template_offers_have_prices() -> None:
    assert {"ml.c7i.xlarge", "ml.g4dn.xlarge"} <= set(prices.load(prices.SHIPPED_REGION).instances)


def test_a_region_that_nobody_knows_has_no_prices() -> None:
    unknown = prices.load("eu-north-9")
    assert (unknown.units, unknown.instances, unknown.dates) == ({}, {}, None)


def test_an_override_wins_and_leaves_the_others_alone() -> None:
    own = override(prices={"lambda_request": {"usd": 1, "date": "2026-11-21", "source": "a contract"}})
    given = prices.load("us-east-1", own)
    assert given.units["lambda_request"] == prices.Price(1.0, "2026-11-21", "a contract")
    assert given.units["s3_get_request"] == prices.load("us-east-1").units["s3_get_request"]


def test_the_last_of_two_overrides_has_the_last_word() -> None:
    first, last = (override(instance_hours={"date": "2026-11-21", "usd": {"ml.c7i.xlarge": usd}}) for usd in (1, 2))
    assert prices.load("us-east-1", first, last).instances["ml.c7i.xlarge"].usd == 2


def test_an_override_is_of_its_region_alone() -> None:
    own = override("eu-west-1", instance_hours={"date": "2026-11-21", "usd": {"ml.c7i.xlarge": 9}})
    assert prices.load("us-east-1", own).instances["ml.c7i.xlarge"].usd != 9
    assert set(prices.load("eu-west-1", own).instances) == {"ml.c7i.xlarge"}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], r'expected \{"regions"'),
        ({"regions": {"us-east-1": 5}}, "regions.us-east-1: expected an object, got 5"),
        ({"regions": {"us-east-1": {"price": {}}}}, "has prices, instance_hours, and no 'price'"),
        ({"regions": {"us-east-1": {"prices": {"lambda": {}}}}}, "there is no 'lambda'; the names are lambda_gb"),
        ({"regions": {"us-east-1": {"prices": {"sns_email": 3}}}}, "prices.sns_email: expected"),
        ({"regions": {"us-east-1": {"prices": {"sns_email": {"usd": -1}}}}}, "sns_email.usd: expected US dollars"),
        ({"regions": {"us-east-1": {"prices": {"sns_email": {"usd": 1}}}}}, "sns_email.date: expected the day"),
        ({"regions": {"us-east-1": {"instance_hours": {"usd": {"ml.x": True}}}}}, "date: expected the day"),
        ({"regions": {"us-east-1": {"instance_hours": {}}}}, "instance_hours: expected"),
    ],
)
def test_what_is_no_price_is_named(document: Any, said: str) -> None:
    with pytest.raises(InvalidPrices, match=rf"mine\.json.*{said}"):
        prices.parse("mine.json", json.dumps(document))


@pytest.mark.parametrize("text", ["", "{", b"\xff", "[" * 100_000])
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidPrices, match=r"mine\.json is no JSON"):
        prices.parse("mine.json", text)
