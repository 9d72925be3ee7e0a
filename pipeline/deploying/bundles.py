"""Which function needs which packages, and what of a package is left out.

Functions with the same packages share a bundle: it is built, zipped and uploaded once. Lambda takes 250 MB unzipped
(Lambda quotas), and loads what is small sooner. `tests/deploying/test_bundles.py` compares the table with the imports.
"""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatch

_AWS = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")
_BASE = (*_AWS, "aws-lambda-powertools", "numpy", "typing-extensions")

BUNDLES: Mapping[str, tuple[str, ...]] = {
    "base": _BASE,
    "images": (*_BASE, "pillow"),
    "tables": (*_BASE, "pyarrow"),
    "report": (*_BASE, "pillow", "pyarrow", "jinja2", "markupsafe", "pygal", "importlib-metadata", "zipp"),
}
"""The packages of each bundle, by the names that they have in requirements/functions.lock."""

STEPS: Mapping[str, str] = {
    "start_run": "base",
    "plan_inference": "base",
    "plan_retry": "base",
    "report_failure": "base",
    "validate_images": "images",
    "validate_image": "images",
    "invoke_endpoint": "images",
    "rank_prediction": "images",
    "predict_image": "images",
    "process_image": "images",
    "aggregate_predictions": "tables",
    "write_report": "report",
}
"""The bundle of each handler of steps/."""

SERVICES = (
    "dynamodb",
    "s3",
    "sagemaker",
    "sagemaker-runtime",
    "service-quotas",
    "sns",
    "sqs",
    "stepfunctions",
    "sts",
)
"""The services that functions may call: botocore describes four hundred, in as many megabytes as numpy has."""

OWN = ("pipeline", "steps")
"""The folders of this product that a function has."""

NOT_IN_FUNCTIONS = (
    "pipeline/commands",
    "pipeline/contract/checking",
    "pipeline/deploying",
    "pipeline/doctor",
    "pipeline/inference/runtimes",
    "pipeline/laptop",
    "pipeline/local",
    "pipeline/serving",
)
"""Those parts of it that no handler imports."""

_LEFT_OUT: Mapping[str, tuple[str, ...]] = {
    "": (
        "*.a",
        "*.data/scripts/*",
        "*.dist-info/RECORD",
        "*.h",
        "*.pxd",
        "*.pxi",
        "*.pyc",
        "*.pyi",
        "*.pyx",
        "*/tests/*",
    ),
    "aws-lambda-powertools": (
        "aws_lambda_powertools/event_handler/*",
        "aws_lambda_powertools/utilities/data_classes/*",
        "aws_lambda_powertools/utilities/idempotency/*",
        "aws_lambda_powertools/utilities/parser/*",
    ),
    "boto3": ("boto3/examples/*",),
    "numpy": ("numpy/f2py/*", "numpy/_core/include/*", "numpy/_pyinstaller/*", "numpy/random/*", "numpy/testing/*"),
    # Fonts: nothing is written into pictures.
    "pillow": ("PIL/_imagingft.*", "pillow.libs/libfreetype-*", "pillow.libs/libharfbuzz-*", "PIL/_imagingtk.*"),
    # Parquet is written and read, and S3 is boto3's. Every module of pyarrow asks for libarrow_substrait, used or not.
    "pyarrow": (
        "pyarrow/include/*",
        "pyarrow/src/*",
        "pyarrow/libarrow_flight.so*",
        "pyarrow/libarrow_s3.so*",
        "pyarrow/_azurefs.*",
        "pyarrow/_cuda.*",
        "pyarrow/_dataset_orc.*",
        "pyarrow/_feather.*",
        "pyarrow/_flight.*",
        "pyarrow/_gcsfs.*",
        "pyarrow/_hdfs.*",
        "pyarrow/_orc.*",
        "pyarrow/_parquet_encryption.*",
        "pyarrow/_s3fs.*",
        "pyarrow/_substrait.*",
        # Three names for one file: the loader asks for the one with the major version.
        "pyarrow/libarrow_python.so",
        "pyarrow/libarrow_python.so.*.*.*",
    ),
}


def is_left_out(package: str, path: str) -> bool:
    """Whether a file of a package, by its path as it is installed (`numpy/version.py`), stays out of the functions."""
    patterns = (*_LEFT_OUT[""], *_LEFT_OUT.get(package, ()))
    if any(fnmatch(path, pattern) for pattern in patterns):
        return True
    parts = path.split("/")
    return parts[:2] == ["botocore", "data"] and len(parts) > 3 and parts[2] not in SERVICES


def functions_of(template: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Each function of a SAM template, with its bundle. KeyError where STEPS does not have its handler."""
    resources = template["Resources"]
    assert isinstance(resources, Mapping)  # noqa: S101  (templates.load has seen to it)
    for logical_id, resource in resources.items():
        if resource["Type"] == "AWS::Serverless::Function":
            yield logical_id, STEPS[resource["Properties"]["Handler"].split(".")[1]]
