"""Objects among the images that steer runs, and are no images: known by their names, so that nobody opens them.

    <marker>              _READY unless the stack says otherwise: its folder is complete, and a run over it may start
    *.manifest.json       a list of keys and prefixes: a run over them may start (pipeline/runs/manifests.py)
    *.jsonl               a listing of chosen images (pipeline/runs/listings.py)

Validation passes over them as it passes over folders.
"""

DEFAULT_MARKER = "_READY"
MANIFEST_SUFFIX = ".manifest.json"
LISTING_SUFFIX = ".jsonl"


def is_marker(key: str, marker: str) -> bool:
    return key.rpartition("/")[2] == marker


def is_manifest(key: str) -> bool:
    return key.endswith(MANIFEST_SUFFIX)


def is_image(key: str, marker: str) -> bool:
    """Whether an object called so is taken for an image: not a folder, and none of the above.

    A key that ends in a slash stands for a folder. The S3 console leaves it empty; others write a few bytes into it
    (S3 User Guide, "Organizing objects using folders").
    """
    return not (key.endswith(("/", MANIFEST_SUFFIX, LISTING_SUFFIX)) or is_marker(key, marker))
