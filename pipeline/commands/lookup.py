"""`imagebatch lookup`: what was predicted for one image, when, and by which model and run."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from pipeline.commands import EXIT_FAILED, arguments, cloud, print_json

if TYPE_CHECKING:
    from pipeline.ledger import Entry


def add_to(commands: Any) -> None:
    lookup = commands.add_parser(
        "lookup",
        help="tell what was predicted for an image",
        description="Tell what each model last predicted for an image, when, and in which run, from the ledger of a "
        "deployed stack. The exit code is 1 where the ledger does not know the image.",
    )
    lookup.add_argument("image", type=_image, metavar="IMAGE", help="s3://bucket/key, the key as it is in S3")
    arguments.add_json_option(lookup)
    cloud.add_options(lookup)
    lookup.set_defaults(command=_lookup)


def _image(text: str) -> str:
    from pipeline.objects import parse_s3_uri

    try:
        _, key = parse_s3_uri(text)
    except ValueError:
        key = ""
    if not key:
        raise argparse.ArgumentTypeError(f"{text!r} names no image; expected s3://bucket/key, the key as it is in S3")
    return text


def _lookup(options: argparse.Namespace) -> int:
    from pipeline.errors import UnknownDeployment
    from pipeline.ledger import Entry, entries_of_image

    def work(deployed: cloud.Cloud) -> int:
        table = deployed.deployment.ledger
        if table is None:
            raise UnknownDeployment(
                f"The stack {deployed.stack!r} keeps no ledger: it has no output LedgerTable. The results of its runs "
                f"have every prediction: imagebatch runs{deployed.options}"
            )
        found = entries_of_image(deployed.client("dynamodb"), table, options.image)
        entries = [each for each in found if isinstance(each, Entry)]
        problems = [str(each) for each in found if not isinstance(each, Entry)]
        if options.json:
            predictions = [_document(entry, deployed.deployment.bucket) for entry in entries]
            print_json({"image": options.image, "predictions": predictions, "problems": problems})
        else:
            _tell(options.image, entries, problems, deployed.deployment.bucket)
        return 0 if entries and not problems else EXIT_FAILED

    return cloud.carry_out(options, work)


def _document(entry: "Entry", bucket: str) -> dict[str, Any]:
    return {
        "model": entry.model,
        "label": entry.label,
        "score": entry.score,
        "predicted_at": entry.predicted_at.isoformat(),
        "run_id": entry.run_id,
        "etag": entry.etag,
        "contract": entry.contract,
        "model_digest": entry.model_digest,
        "results": _results(entry, bucket),
    }


def _results(entry: "Entry", bucket: str) -> str:
    from pipeline.objects import s3_uri
    from pipeline.runs.keys import results_prefix

    return s3_uri(bucket, results_prefix(entry.run_id))


def _tell(image: str, entries: "list[Entry]", problems: list[str], bucket: str) -> None:
    from pipeline.given import printable

    print(printable(image))
    for entry in entries:
        answer = "no label" if entry.label is None else printable(entry.label)
        score = "" if entry.score is None else f" ({entry.score:.3g})"
        print(f"  {entry.model}: {answer}{score}")
        print(f"    predicted  {entry.predicted_at:%Y-%m-%d %H:%M:%S} UTC, in the run {entry.run_id}")
        print(f"    of         the object with the ETag {entry.etag}")
        print(f"    results    {_results(entry, bucket)}")
    if not entries and not problems:
        print(
            "  The ledger does not know this image: no run has predicted it, or its results are older than the ledger."
        )
    for problem in problems:
        print(f"imagebatch: CorruptLedger: {problem}", file=sys.stderr)
