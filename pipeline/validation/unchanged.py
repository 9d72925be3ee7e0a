"""Which images of a batch need not be predicted again, as far as the ledger knows.

    listed with an ETag   the entry has the same: skipped, without a request to S3
    listed without one    S3 is asked for the object unless it has the entry's ETag (GetObject, If-None-Match): where it
                          has, the answer is 304 without a body, and the image is skipped

Rejected and failed images are in no ledger: those are read again, and told of again, until somebody has fixed them.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline import names, objects
from pipeline.ledger import Entry, known_images
from pipeline.runs.listings import ListedImage
from pipeline.runs.run import Run
from pipeline.validation.verdicts import FOREIGN_LEDGER_ITEM, Accepted, Skipped, Verdict

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """What the ledger says of a batch."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    """By key, of images that may be skipped: the model and its contract are the same, and the ETag is, or is untold."""
    foreign: Collection[str] = ()
    """Keys of images of which the ledger has an item that is no entry: they are predicted again."""

    def skipped(self, bucket: str, item: ListedImage) -> Skipped | None:
        """The verdict of an image that need not even be asked for."""
        entry = self.entries.get(item.key)
        return None if entry is None or entry.etag != item.etag else Skipped(bucket, item.key, entry.etag, entry.run_id)

    def entry_of_untold(self, item: ListedImage) -> Entry | None:
        """What is known of an image whose listing tells no ETag: S3 will tell whether that still holds."""
        return self.entries.get(item.key) if item.etag is None else None

    def batch_id(self, batch: str) -> str:
        """The name of a batch, of which this is known.

        Validated again after another run has changed the ledger, a batch has other verdicts: under another name, none
        of them replaces those that a plan counts on.
        """
        if not self.entries:
            return batch
        known = (names.fingerprint(key, entry.etag, entry.run_id) for key, entry in sorted(self.entries.items()))
        return names.fingerprint(batch, "known", *known)

    def noted(self, verdict: Verdict) -> Verdict:
        """The verdict, with a note where the ledger has something else than an entry for the image."""
        if not self.foreign or isinstance(verdict, Skipped):
            return verdict
        key = verdict.row.key if isinstance(verdict, Accepted) else verdict.key
        return replace(verdict, notes=(*verdict.notes, FOREIGN_LEDGER_ITEM)) if key in self.foreign else verdict


NOTHING = Known()


def ask(run: Run, bucket: str, images: Sequence[ListedImage], dynamodb: Any) -> Known:
    """What the run's ledger knows of `images`; nothing where there is none, or the run predicts all the same."""
    if run.ledger is None or run.reprocess:
        return NOTHING
    uris = {objects.s3_uri(bucket, image.key): image for image in images}
    entries: dict[str, Entry] = {}
    foreign: set[str] = set()
    for uri, found in known_images(dynamodb, run.ledger, run.model, uris).items():
        image = uris[uri]
        if not isinstance(found, Entry):
            logger.warning("CorruptLedger: %s", found)
            foreign.add(image.key)
        elif found.run_id == run.run_id:
            # Resumed after it was remembered, a run would skip its own predictions, which nobody else has.
            continue
        elif found.vouches_for(image.etag or found.etag, run.contract.digest, run.model_digest):
            entries[image.key] = found
    return Known(entries, foreign)
