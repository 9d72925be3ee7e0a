"""What the container does: `serve` for Batch Transform and endpoints, `infer` for Processing jobs.

SageMaker runs a model's image as `docker run IMAGE serve` (Developer Guide, "Custom Inference Code with Batch
Transform"), so this is the image's entry point.
"""

import importlib
import sys

COMMANDS = ("serve", "infer")


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(f"usage: python3 -m processing_scripts {'|'.join(COMMANDS)}", file=sys.stderr)
        return 2
    # Imported when it is known which: a job that infers needs no server.
    code: int = importlib.import_module(f"processing_scripts.{arguments[0]}").main()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
