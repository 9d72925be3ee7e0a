"""What is known of one image: what the latest runs made of it, and what the stack's ledger remembers."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from pipeline import objects
from pipeline.deployed.stack import Deployment
from pipeline.ledger import Entry, entries_of_image
from pipeline.results.finding import Finding, find_image
from pipeline.runs.files import RunFiles, StoredFiles
from pipeline.runs.keys import RUNS_PREFIX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_AT_ONCE = 8
"""Runs that are looked through at a time: each takes a few requests."""


@dataclass(frozen=True)
class Image:
    """What somebody asks for: a key, and its bucket where it was named."""

    bucket: str | None
    key: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """`s3://bucket/key`, or a key. Raises ValueError where that can be no image's name."""
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{text!r} is not UTF-8, and S3 has no such key") from error
        if not text.startswith("s3://"):
            return cls(None, text)
        bucket, key = objects.parse_s3_uri(text)
        if not key:
            raise ValueError(f"{text!r} names no image; expected s3://bucket/key")
        return cls(bucket, key)


@dataclass
class History:
    """What is known of an image, and where that was looked for."""

    where: str
    findings: list[Finding] = field(default_factory=list)
    """Of the latest run first."""
    entries: list[Entry] = field(default_factory=list)
    """Of the ledger."""
    problems: list[str] = field(default_factory=list)
    """What does not read: items of the ledger that are none of ours, results of a run."""
    looked_through: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    """Runs that have no results, of which nothing can be said."""
    older: int = 0
    """How many runs are older than those that were looked through."""

    @property
    def is_known(self) -> bool:
        return bool(self.findings or self.entries)

    def look_through(self, runs: Mapping[str, tuple[RunFiles, Image]]) -> None:
        """Find an image in the results of runs, given with the image that is meant there."""

        def look(run: str) -> list[Finding] | Exception:
            files, image = runs[run]
            try:
                return find_image(files, image.bucket, image.key)
            except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
                return error

        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="runs") as pool:
            for run, found in zip(runs, pool.map(look, runs), strict=True):
                if isinstance(found, FileNotFoundError):
                    self.unfinished.append(run)
                elif isinstance(found, Exception):
                    self.problems.append(f"The results of {run} do not read: {found}")
                else:
                    self.looked_through.append(run)
                    self.findings += found
        # Ids tell the time to the minute: two runs of one minute are told apart by when they ended.
        self.findings.sort(key=lambda finding: finding.finished_at, reverse=True)

    def to_json(self) -> dict[str, Any]:
        return {
            "runs": [finding.to_json() for finding in self.findings],
            "ledger": [_entry(entry) for entry in self.entries],
            "problems": self.problems,
            "looked_through": self.looked_through,
            "without_results": self.unfinished,
            "older_runs": self.older,
        }


def in_stack(
    deployment: Deployment, s3: "S3Client", dynamodb: Any, image: Image, most: int, where: str = "the stack"
) -> History:
    """What the `most` latest runs of a stack, its ledger, and the runs that this names, know of an image."""
    # Their ids begin with their times.
    runs = sorted(objects.list_folders(s3, deployment.bucket, RUNS_PREFIX), reverse=True)
    history = History(where)
    if image.bucket is not None and deployment.ledger is not None:
        for each in entries_of_image(dynamodb, deployment.ledger, objects.s3_uri(image.bucket, image.key)):
            if isinstance(each, Entry):
                history.entries.append(each)
            else:
                history.problems.append(f"{type(each).__name__}: {each}")
    remembered = {entry.run_id for entry in history.entries}
    chosen = [run for number, run in enumerate(runs) if number < most or run in remembered]
    history.older = len(runs) - len(chosen)
    history.look_through({run: (StoredFiles(s3, deployment.bucket, run), image) for run in chosen})
    return history


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "model": entry.model,
        "run_id": entry.run_id,
        "etag": entry.etag,
        "predicted_at": entry.predicted_at.isoformat(),
        "label": entry.label,
        "score": entry.score,
    }
