"""`imagebatch prices`: what AWS asks in a region, as the prices.json of a stack there."""

import argparse
import os
import sys
from typing import Any

from pipeline.commands import EXIT_USAGE, cloud, print_json

_LIST = "us-east-1"
"""The price list knows every region, and is asked in one of three (General Reference, "AWS Price List endpoints")."""


def add_to(commands: Any) -> None:
    prices = commands.add_parser(
        "prices",
        help="print the prices of an AWS region, as a prices.json",
        description="Ask AWS's price list what a region's Lambda, Step Functions, S3, DynamoDB, SNS, EventBridge and "
        "SageMaker jobs cost, and print that in the form of prices.json (docs/costs.md). It takes credentials that may "
        "call pricing:GetProducts, and no stack.",
    )
    cloud.add_aws_options(prices)
    # No stack is asked, and no local cloud.
    prices.set_defaults(command=_prices, stack=None, local=None)


def _prices(options: argparse.Namespace) -> int:
    return cloud.carry_out(options, _ask)


def _ask(account: cloud.Cloud) -> int:
    if account.is_local and "AWS_ENDPOINT_URL_PRICING" not in os.environ:
        print(
            "imagebatch: AWS_ENDPOINT_URL leads to a local cloud, which has no price list: unset it, and give"
            " credentials of AWS.",
            file=sys.stderr,
        )
        return EXIT_USAGE
    return _print(account.region)


def _print(region: str) -> int:
    from datetime import UTC, datetime

    from pipeline import aws
    from pipeline.costs import price_list
    from pipeline.errors import InvalidPrices

    try:
        document, missing = price_list.read(aws.client_in(_LIST, "pricing"), region, f"{datetime.now(UTC):%Y-%m-%d}")
    except InvalidPrices as error:
        print(f"imagebatch: {error}", file=sys.stderr)
        return EXIT_USAGE
    print_json(document)
    for name in missing:
        print(
            f"imagebatch: AWS's price list has no one price for {name} in {region}: add it (docs/costs.md), or what"
            " takes it has no sum.",
            file=sys.stderr,
        )
    return 0
