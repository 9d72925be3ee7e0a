"""The second night: of 10,000 photos 9,900 are known and unchanged, and 100 were replaced.

    python -m bench.incremental
    python -m bench.incremental --photos 2000 --changed 20 --json

Two runs of the deployed machine over the same folder, in a local cloud whose stack keeps a ledger. What was decoded is
not asked of the ledger: it is counted in the verdicts that the run has left, and once more in what the validation
function has logged. Times are from the start of the execution to its end.
"""

import argparse
import json
import re
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.corpus import make_corpus
from bench.processes import ROOT
from pipeline import objects
from pipeline.laptop.deployment import deploy_stack, open_model
from pipeline.local.buckets import FolderBucket
from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import Stack
from pipeline.runs import keys
from pipeline.validation import verdicts
from pipeline.validation.verdicts import Skipped

MODEL = ROOT / "examples" / "models" / "efficientnet-lite0"
_LOGGED = re.compile(r"batch \w+: (\d+) accepted, (\d+) rejected, \d+ skipped")

Json = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--changed", type=int, default=100, help="how many are replaced before the second night")
    parser.add_argument("--size", default="160x120", help="width x height of a photo, in pixels")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    with tempfile.TemporaryDirectory() as folder, LocalCloud() as cloud:
        photos = make_corpus(Path(folder), arguments.photos, width, height)
        model = open_model(arguments.model)
        stack = deploy_stack(cloud, [model], {}, for_sagemaker=False, warm_functions=True)
        cloud.mount(stack.outputs["ImagesBucket"], FolderBucket(photos))
        nights = [_night(cloud, stack)]
        for path in sorted(photos.rglob("*.jpg"))[:: arguments.photos // arguments.changed][: arguments.changed]:
            path.unlink()
        make_corpus(photos, arguments.photos, width, height, seed=1)
        nights.append(_night(cloud, stack))
    if arguments.json:
        print(json.dumps(nights, indent=2))
    else:
        _print(nights)


def _print(nights: list[Json]) -> None:
    print(f"{'':<8}{'listed':>9}{'skipped':>9}{'predicted':>11}{'decoded':>19}{'in log':>8}{'time':>10}{'ratio':>8}")
    for name, night in zip(("first", "second"), nights, strict=True):
        print(
            f"{name:<8}{night['listed']:>9,}{night['skipped']:>9,}{night['predicted']:>11,}"
            f"{night['decoded_by_verdicts']:>19,}{night['decoded_by_log']:>8,}{night['seconds']:>8.1f} s"
            f"{night['seconds'] / nights[0]['seconds']:>8.2f}"
        )


def _night(cloud: LocalCloud, stack: Stack) -> Json:
    """One run over the whole bucket."""
    s3, states = cloud.client("s3"), cloud.client("stepfunctions")
    function = stack.resources["ValidateImagesFunction"]
    arn = states.start_execution(
        stateMachineArn=stack.outputs["StateMachineArn"], input=json.dumps({"prefixes": [""]})
    )["executionArn"]
    while (ended := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        time.sleep(0.1)
    if ended["status"] != "SUCCEEDED":
        raise SystemExit(f"the execution ended {ended['status']}: {ended.get('cause')}")
    bucket, run_id = stack.outputs["ResultsBucket"], json.loads(ended["output"])["summary"]["run_id"]
    counts = objects.get_json(s3, bucket, keys.result_key(run_id, keys.SUMMARY))["counts"]
    lines = [
        verdicts.from_json(line)
        for written in objects.list_objects(s3, bucket, keys.verdicts_prefix(run_id))
        for line in objects.get_lines(s3, bucket, written.key)
    ]
    in_log = _LOGGED.findall("\n".join(line for line in cloud.logs(function).splitlines() if run_id in line))
    return {
        **{name: counts[name] for name in ("listed", "predicted", "rejected", "failed", "skipped")},
        "decoded_by_verdicts": sum(not isinstance(verdict, Skipped) for verdict in lines),
        "decoded_by_log": sum(int(accepted) + int(rejected) for accepted, rejected in in_log),
        "seconds": (ended["stopDate"] - ended["startDate"]).total_seconds(),
    }


if __name__ == "__main__":
    main()
