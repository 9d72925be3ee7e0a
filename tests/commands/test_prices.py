"""`imagebatch prices`: a region's prices out of answers of AWS's price list, asked as AWS is.

The products have the usage types, attributes and tiers that the list had for us-east-1 and EU (Ireland) in autumn 2026,
and what stands beside each under the same usage type.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pipeline import cli
from pipeline.costs import prices

_PAGE = 3


def product(usage: str, *tiers: tuple[str, str], **attributes: str) -> str:
    """A document of PriceList. A tier is where it begins, and US dollars."""
    dimensions = {
        f"{number}": {"beginRange": begin, "endRange": "Inf", "unit": "each", "pricePerUnit": {"USD": usd}}
        for number, (begin, usd) in enumerate(tiers)
    }
    return json.dumps(
        {
            "product": {"attributes": {"usagetype": usage, **attributes}, "sku": usage},
            "terms": {"OnDemand": {"a": {"priceDimensions": dimensions}}},
            "publicationDate": "2026-10-07T16:09:01Z",
        }
    )


IRELAND = {
    "AWSLambda": [
        product("EU-Lambda-GB-Second", ("0", "0.0000166667")),
        product("EU-Lambda-GB-Second-ARM", ("7500000000", "0.0000120001"), ("0", "0.0000133334")),
        product("EU-Request-ARM", ("0", "0.0000002")),
        product("EU-Lambda-Provisioned-GB-Second-ARM", ("0", "0.0000077778")),
    ],
    "AmazonStates": [product("EU-StateTransition", ("0", "0.000025"))],
    "AmazonS3": [
        product("EU-Requests-Tier1", ("0", "0.000005")),
        product("EU-Requests-Tier2", ("0", "0.0000004")),
        product("EU-Requests-GIR-Tier2", ("0", "0.00001")),
        product("EU-TimedStorage-ByteHrs", ("0", "0.023"), ("51200", "0.022"), volumeType="Standard"),
        product("EU-TimedStorage-ByteHrs", ("0", "0.021"), volumeType="INTAAS3ObjectOverhead"),
    ],
    "AmazonDynamoDB": [
        product("EU-ReadRequestUnits", ("0", "0.0000001415")),
        product("EU-IA-ReadRequestUnits", ("0", "0.000000177")),
        product("EU-WriteRequestUnits", ("0", "0.000000705")),
    ],
    "AmazonSNS": [
        product("EU-Requests-Tier1", ("0", "0"), ("1000000", "0.0000005")),
        product("EU-DeliveryAttempts-SMTP", ("0", "0"), ("1000", "0.00002")),
    ],
    "AWSEvents": [
        product("EU-Event-64K-Chunks", ("0", "0.000001"), eventType="Custom Event"),
        product("EU-Event-64K-Chunks", ("0", "0.000002"), eventType="Partner Event"),
    ],
    "AmazonSageMaker": [
        product("EU-Processing:ml.m5.xlarge", ("0", "0.257"), component="Processing"),
        product("EU-Tsform:ml.m5.xlarge", ("0", "0.257")),
        product("EU-Host:ml.m5.xlarge", ("0", "9")),
        product("EU-Processing:ml.g4dn.xlarge", ("0", "0.8218")),
        product("EU-Tsform:ml.g4dn.xlarge", ("0", "0.822")),
        product("EU-Processing:VolumeUsage.gp2", ("0", "0.11")),
    ],
}


class PriceList(ThreadingHTTPServer):
    """The Price List API of one region, three products a page."""

    def __init__(self, region: str, products: dict[str, list[str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.region, self.products = region, products


class _Handler(BaseHTTPRequestHandler):
    server: PriceList

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["X-Amz-Target"] == "AWSPriceListService.GetProducts"
        (wanted,) = asked["Filters"]
        assert (wanted["Type"], wanted["Field"]) == ("TERM_MATCH", "regionCode")
        found = self.server.products[asked["ServiceCode"]] if wanted["Value"] == self.server.region else []
        start = int(asked.get("NextToken", 0))
        answer: dict[str, Any] = {"FormatVersion": "aws_v1", "PriceList": found[start : start + _PAGE]}
        if start + _PAGE < len(found):
            answer["NextToken"] = str(start + _PAGE)
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def ireland(monkeypatch: pytest.MonkeyPatch) -> Iterator[PriceList]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with PriceList("eu-west-1", {service: list(found) for service, found in IRELAND.items()}) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()


def test_what_is_printed_is_a_prices_json_with_every_unit_of_the_region(
    ireland: PriceList, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["prices", "--region", "eu-west-1"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    loaded = prices.load("eu-west-1", prices.parse("printed", told.out))
    assert {name: price.usd for name, price in loaded.units.items()} == {
        "lambda_gb_second_arm64": 0.0000133334,
        "lambda_request": 0.0000002,
        "states_transition": 0.000025,
        "s3_put_request": 0.000005,
        "s3_get_request": 0.0000004,
        "s3_gb_month": 0.023,
        "dynamodb_read_request_unit": 0.0000001415,
        "dynamodb_write_request_unit": 0.000000705,
        "sns_request": 0.0000005,
        "sns_email": 0.00002,
        "events_event": 0.000001,
        "processing_volume_gb_month": 0.11,
    }
    assert loaded.units["states_transition"].source == (
        "AWS Price List, AmazonStates, EU-StateTransition, published on 2026-10-07"
    )


def test_an_hour_of_an_instance_costs_what_the_dearer_kind_of_job_pays(
    ireland: PriceList, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["prices", "--region", "eu-west-1"])
    loaded = prices.load("eu-west-1", prices.parse("printed", capsys.readouterr().out))
    assert {name: price.usd for name, price in loaded.instances.items()} == {
        "ml.g4dn.xlarge": 0.822,
        "ml.m5.xlarge": 0.257,
    }


@pytest.mark.parametrize(
    "changed",
    [[], [product("EU-StateTransition", ("0", "0.000025")), product("EUW1-StateTransition", ("0", "0.00003"))]],
    ids=["none", "two"],
)
def test_a_unit_that_has_no_one_price_is_left_out_and_named(
    changed: list[str], ireland: PriceList, capsys: pytest.CaptureFixture[str]
) -> None:
    ireland.products["AmazonStates"] = changed
    assert cli.main(["prices", "--region", "eu-west-1"]) == 0
    told = capsys.readouterr()
    assert "states_transition" not in prices.load("eu-west-1", prices.parse("printed", told.out)).units
    assert "no one price for states_transition in eu-west-1" in told.err


def test_a_product_for_other_money_than_dollars_has_no_price(
    ireland: PriceList, capsys: pytest.CaptureFixture[str]
) -> None:
    in_dollars = ireland.products["AmazonStates"]
    ireland.products["AmazonStates"] = [document.replace("USD", "CNY") for document in in_dollars]
    cli.main(["prices", "--region", "eu-west-1"])
    assert "states_transition" in capsys.readouterr().err


def test_a_region_that_the_list_does_not_have_is_refused(
    ireland: PriceList, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["prices", "--region", "eu-wset-1"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "AWS's price list has nothing for the region 'eu-wset-1'" in told.err


def test_a_local_cloud_is_not_asked_for_prices(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert cli.main(["prices", "--region", "eu-west-1"]) == 2
    assert "a local cloud, which has no price list: unset it" in capsys.readouterr().err
