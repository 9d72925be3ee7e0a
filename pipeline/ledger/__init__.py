"""The ledger: which images have been predicted, by which model, so that the next night need not do it again.

    validation ──► which of these images are known? ──► unchanged: skipped, neither read nor decoded
    results    ──► what this run predicted          ──► remembered, once the results are safe

A DynamoDB table with an item for each image and model. Every item is true for ever: "this object, as it was with this
ETag, was predicted by this model, in this run". So whatever is lost, late or unreadable in it costs work and never a
result: an image that the ledger does not vouch for is predicted. docs/incremental.md tells people of it.
"""

from pipeline.ledger.entries import Entry
from pipeline.ledger.reading import entries_of_image, known_images
from pipeline.ledger.writing import Remembered, remember

__all__ = ["Entry", "Remembered", "entries_of_image", "known_images", "remember"]
