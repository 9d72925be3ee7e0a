"""Which images of a run are shown: all of a small one; of a large one the least certain, and a sample of every label.

One pass over the predictions, in memory that does not grow with them. The sample is taken by a hash of the key: the
same run gives the same report.
"""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterator
from itertools import count

from pipeline.report.content import ShownImage

BINS = 20
_UNCERTAIN_SHARE = 0.3
_LABELS_AT_ONCE = 2_000


class Chooser:
    """Takes every predicted image of a run, and keeps at most `most`."""

    def __init__(self, most: int) -> None:
        self._uncertain = _Smallest(int(most * _UNCERTAIN_SHARE))
        self._samples: dict[str, _Smallest] = {}
        self._most = most
        self.labels: Counter[str] = Counter()
        self.scores = [0] * BINS
        self.seen = 0

    def add(self, image: ShownImage) -> None:
        self.seen += 1
        label = image.answers[0].label if image.answers else ""
        if image.answers:
            self.labels[label] += 1
            self.scores[min(int(image.certainty * BINS), BINS - 1)] += 1
        pushed_out = self._uncertain.add(image.certainty, image)
        if pushed_out is not None:
            self._sample(label, pushed_out)

    def chosen(self) -> list[ShownImage]:
        """The images to show, the least certain first."""
        images = [*self._uncertain.images(), *self._sampled(self._most - len(self._uncertain))]
        return sorted(images, key=lambda image: (image.certainty, image.key))

    def _sample(self, label: str, image: ShownImage) -> None:
        # Beyond so many labels, the rest is one.
        name = label if label in self._samples or len(self._samples) < _LABELS_AT_ONCE else ""
        # A run of one label may take all places, and a thousand labels keep some each: the whole stays bounded.
        # What may still be a small run keeps all.
        share = max(self._most // max(len(self._samples), 1), 8)
        bound = self._most if self.seen <= self._most else share
        sample = self._samples.setdefault(name, _Smallest(bound))
        sample.shrink(bound)
        sample.add(_hash(image.uri), image)

    def _sampled(self, places: int) -> Iterator[ShownImage]:
        """In turns, one of each label, for as long as there are places."""
        waiting = [sample.images() for sample in self._samples.values()]
        for turn in range(max(map(len, waiting), default=0)):
            for images in waiting:
                if turn < len(images):
                    if places <= 0:
                        return
                    places -= 1
                    yield images[turn]


class _Smallest:
    """The `most` images with the smallest keys."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[float, int, ShownImage]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, key: float, image: ShownImage) -> ShownImage | None:
        """Take an image, and answer with the one that has no place any more."""
        entry = (-key, -next(self._order), image)
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
            return None
        return heapq.heappushpop(self._heap, entry)[2]

    def shrink(self, most: int) -> None:
        self._most = min(self._most, most)
        while len(self._heap) > self._most:
            heapq.heappop(self._heap)

    def images(self) -> list[ShownImage]:
        return [image for _, _, image in sorted(self._heap, reverse=True)]


def _hash(text: str) -> float:
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
