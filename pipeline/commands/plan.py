"""`imagebatch plan`: what a run would take and cost. Nothing is started, and nothing is written."""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import EXIT_FAILED, EXIT_USAGE, arguments, cloud, print_json
from pipeline.laptop.run_request import EXAMPLE_MODEL
from pipeline.runs.control_files import LISTING_SUFFIX
from pipeline.runs.run_input import ENGINES, PROCESSING

if TYPE_CHECKING:
    from pipeline.contract import ModelContract
    from pipeline.costs.prices import Prices
    from pipeline.costs.prospect import Images
    from pipeline.costs.rates import Rates
    from pipeline.quotas import Quotas
    from pipeline.settings import PlanInferenceSettings


def add_to(commands: Any) -> None:
    plan = commands.add_parser(
        "plan",
        help="tell what a run would take and cost, and start nothing",
        description="Count the images at PLACE, and tell what a run over them would take: instances, jobs, time, and"
        " US dollars at the prices that ship or that you give. Nothing is started, and nothing is written. The exit"
        " code is 1 where the run would cost more than it may.",
    )
    plan.add_argument(
        "place",
        metavar="PLACE",
        help="a folder, s3://bucket/prefix/, or a manifest or listing (.json, .jsonl), here or in S3",
    )
    plan.add_argument(
        "--model",
        metavar="MODEL",
        help="a model package: a folder, or with a stack the name of one of its packages (default: the stack's, or the"
        " example)",
    )
    plan.add_argument(
        "--engine", choices=ENGINES, default=PROCESSING, help="what runs the model (default: %(default)s)"
    )
    plan.add_argument(
        "--instance-type", metavar="TYPE", help="what the jobs run on (default: the stack's, or the template's)"
    )
    plan.add_argument(
        "--prices", type=Path, metavar="FILE", help="prices that stand in for those that ship (docs/costs.md)"
    )
    arguments.add_max_cost_option(plan)
    arguments.add_json_option(plan)
    cloud.add_options(plan)
    plan.set_defaults(command=_plan)


@dataclass(frozen=True)
class _Setting:
    """What a plan is made with: a stack's own, or the template's defaults."""

    model: str
    contract: "ModelContract"
    settings: "PlanInferenceSettings"
    prices: "Prices"
    bucket: str | None = None
    """The results bucket of a stack."""
    ledger: str | None = None
    notes: list[str] = field(default_factory=list)


def _plan(options: argparse.Namespace) -> int:
    from pipeline.errors import ImageBatchError

    def work(deployed: cloud.Cloud) -> int:
        try:
            return _plan_in(deployed, options)
        except OSError as error:
            told = f"{error.filename}: {error.strerror}" if error.filename else error
            print(f"imagebatch: {told}", file=sys.stderr)
            return EXIT_USAGE
        except (ImageBatchError, ValueError) as error:
            print(f"imagebatch: {error}", file=sys.stderr)
            return EXIT_USAGE

    return cloud.carry_out(options, work)


def _plan_in(deployed: cloud.Cloud, options: argparse.Namespace) -> int:
    from pipeline.costs import budget, prospect, rates, stored, telling
    from pipeline.costs.estimate import estimate
    from pipeline.quotas import NOT_ASKED

    has_stack = bool(options.stack or os.environ.get(cloud.STACK_VARIABLE)) or options.local is not None
    setting = _of_stack(deployed, options) if has_stack else _of_template(options)
    found = prospect.count(_listed(deployed, options.place))
    quotas = _quotas(deployed, options, setting) if has_stack else NOT_ASKED
    work, plan = prospect.prospect(
        found,
        setting.model,
        setting.contract,
        setting.settings,
        engine=options.engine,
        instance_type=options.instance_type,
        ledger=setting.ledger,
        quotas=quotas,
    )
    known: Rates = rates.Rates()
    if setting.bucket is not None:
        known = stored.load_rates(deployed.s3, setting.bucket, setting.model, work.types)
    made = estimate(work, known, setting.prices)
    limit = budget.smaller_limit(options.max_cost, setting.settings.max_cost_usd)
    cost = budget.document(made, setting.prices, limit)
    notes = [
        *setting.notes,
        *_notes(found),
        *prospect.too_large(work),
        *budget.unknowns(made, setting.prices),
        *([plan.quotas["note"]] if has_stack and plan.quotas["note"] else []),
    ]
    document = {
        "place": options.place,
        "images": found.images,
        "bytes": found.bytes,
        "passed_over": found.passed_over,
        "model": setting.model,
        "engine": plan.engine,
        "batches": work.batches,
        "jobs": [
            {"instance_type": job.instance_type, "instances": job.instances, "images": job.images} for job in work.jobs
        ],
        "jobs_at_once": work.jobs_at_once,
        "cost": cost,
        "within_limit": limit is None or (made.usd is not None and made.usd <= limit),
        "notes": notes,
    }
    if options.json:
        print_json(document)
    else:
        print("\n".join(telling.plan_lines(document)))
    return 0 if document["within_limit"] else EXIT_FAILED


def _of_template(options: argparse.Namespace) -> _Setting:
    """Without a stack: a model package on this machine, and the template's defaults."""
    from pipeline.contract.packages import load_package
    from pipeline.costs import prices
    from pipeline.settings import PlanInferenceSettings

    folder = Path(options.model) if options.model else EXAMPLE_MODEL
    contract = load_package(folder).contract
    region = options.region or os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION")
    notes = [] if region else [f"no region is set: the prices are those of {prices.SHIPPED_REGION}"]
    own = [] if options.prices is None else [prices.parse(str(options.prices), options.prices.read_bytes())]
    loaded = prices.load(region or prices.SHIPPED_REGION, *own)
    settings = PlanInferenceSettings(default_instance_type="ml.c7i.xlarge")
    return _Setting(folder.resolve().name, contract, settings, loaded, ledger="one", notes=notes)


def _of_stack(deployed: cloud.Cloud, options: argparse.Namespace) -> _Setting:
    """A stack's parameters, model package and prices."""
    from pipeline.contract.packages import load_package
    from pipeline.contract.store import read_package
    from pipeline.costs import prices, stored
    from pipeline.settings import PlanInferenceSettings

    stack, s3 = deployed.deployment, deployed.s3
    (described,) = deployed.client("cloudformation").describe_stacks(StackName=deployed.stack)["Stacks"]
    given = {each["ParameterKey"]: each["ParameterValue"] for each in described.get("Parameters", ())}
    variables = {
        "DEFAULT_INSTANCE_TYPE": given.get("InstanceType", "ml.c7i.xlarge"),
        "TRANSFORM_INSTANCE_TYPE": given.get("TransformInstanceType", ""),
        "IMAGES_PER_JOB": given.get("ImagesPerJob", ""),
        "IMAGES_PER_INSTANCE": given.get("ImagesPerInstance", ""),
        "MAX_CONCURRENT_JOBS": given.get("MaxConcurrentJobs", ""),
        "MAX_COST_USD": given.get("MaxCostUsd", ""),
    }
    model = options.model or given["DefaultModel"]
    if Path(model).is_dir():
        name, contract = Path(model).resolve().name, load_package(Path(model)).contract
    else:
        name, contract = model, read_package(s3, stack.bucket, model).contract
    region = s3.meta.region_name
    if options.prices is None:
        loaded = stored.load_prices(s3, stack.bucket, region)
    else:
        loaded = prices.load(region, prices.parse(str(options.prices), options.prices.read_bytes()))
    return _Setting(name, contract, PlanInferenceSettings.from_env(variables), loaded, stack.bucket, stack.ledger)


def _quotas(deployed: cloud.Cloud, options: argparse.Namespace, setting: _Setting) -> "Quotas":
    from pipeline import quotas

    listed = setting.settings.default_instance_type
    if options.engine != PROCESSING:
        listed = setting.settings.transform_instance_type
    types = [options.instance_type] if options.instance_type else listed.replace(" ", "").split(",")
    names = [*(quotas.of_type(each, options.engine) for each in types), quotas.of_all_types(options.engine)]
    return quotas.read(deployed.client("service-quotas"), names)


def _listed(deployed: cloud.Cloud, place: str) -> Iterator[tuple[str, int | None]]:
    """Keys and sizes at a place, as they come."""
    from pipeline import objects

    if not place.startswith("s3:"):
        yield from _on_disk(Path(place).expanduser(), deployed)
        return
    bucket, key = objects.parse_s3_uri(place)
    if key.endswith(LISTING_SUFFIX):
        yield from _of_listing(place, deployed.s3.get_object(Bucket=bucket, Key=key)["Body"].iter_lines())
    elif key.endswith(".json"):
        yield from _of_manifest(place, objects.get_bytes(deployed.s3, bucket, key), deployed)
    else:
        for item in objects.list_objects(deployed.s3, bucket, key):
            yield item.key, item.size


def _on_disk(path: Path, deployed: cloud.Cloud) -> Iterator[tuple[str, int | None]]:
    from pipeline.errors import InvalidRunInput
    from pipeline.local.buckets import FolderBucket

    if path.is_dir():
        for item in FolderBucket(path.resolve()).walk():
            yield item.key, item.size
    elif path.suffix == LISTING_SUFFIX:
        with path.open("rb") as lines:
            yield from _of_listing(str(path), lines)
    elif path.suffix == ".json":
        yield from _of_manifest(str(path), path.read_bytes(), deployed)
    else:
        raise InvalidRunInput(
            f"There is no folder, manifest or listing {str(path)!r}: give one, or s3://bucket/prefix/."
        )


def _of_listing(where: str, lines: Iterable[bytes]) -> Iterator[tuple[str, int | None]]:
    """The images that a listing names, a line each (pipeline/runs/listings.py)."""
    import json

    from pipeline.errors import InvalidRunInput
    from pipeline.runs.listings import ListedImage

    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                image = ListedImage.from_json(json.loads(line))
            except ValueError as error:
                raise InvalidRunInput(f"{where}: line {number}: {error}.") from error
            yield image.key, image.size


def _of_manifest(where: str, text: bytes, deployed: cloud.Cloud) -> Iterator[tuple[str, int | None]]:
    """The images that a manifest names (pipeline/runs/manifests.py), and those below its prefixes, in S3."""
    import json

    from pipeline import objects
    from pipeline.errors import InvalidRunInput

    entries = json.loads(text)
    if not isinstance(entries, list) or not entries:
        raise InvalidRunInput(f"{where}: expected a JSON array of keys and prefixes (docs/starting.md).")
    start = entries[0].get("prefix", "") if isinstance(entries[0], dict) else ""
    for entry in entries[1:] if start else entries:
        name = f"{start}{entry}"
        if not name.endswith("/"):
            yield name, None
        elif name.startswith("s3://"):
            for item in objects.list_objects(deployed.s3, *objects.parse_s3_uri(name)):
                yield item.key, item.size
        else:
            raise InvalidRunInput(f"{where}: the prefix {name!r} names no bucket; write it as s3://bucket/prefix/.")


def _notes(found: "Images") -> list[str]:
    from pipeline.costs.prospect import SIZE_UNTOLD

    if not found.images:
        return ["there is no image here: a prefix is taken as it is written, capitals and the last / included"]
    if not found.untold:
        return []
    return [f"{found.untold:,} of the images have no size in the listing; each is taken for {SIZE_UNTOLD / 1e6:g} MB"]
