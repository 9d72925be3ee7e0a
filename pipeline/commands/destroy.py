"""`imagebatch destroy`: a stack deleted from an AWS account; its data stay unless they are named."""

import argparse
import sys
from typing import Any

from pipeline.commands import EXIT_FAILED, cloud


def add_to(commands: Any) -> None:
    destroy = commands.add_parser(
        "destroy",
        help="delete a stack, and leave its data",
        description="Delete the stack. Buckets, the table and the key stay, unless --delete-data is given: then "
        "buckets and table are deleted, too, with every version of every object.",
    )
    destroy.add_argument("--delete-data", action="store_true", help="delete images, results and the table, too")
    destroy.add_argument(
        "--confirm", metavar="NAME", help="the stack's name, in place of typing it when --delete-data asks for it"
    )
    destroy.add_argument(
        "-y", "--yes", action="store_true", help="delete the stack without asking; data ask all the same"
    )
    cloud.add_options(destroy)
    destroy.set_defaults(command=lambda options: cloud.carry_out(options, lambda where: _destroy(where, options)))


def _destroy(where: cloud.Cloud, options: argparse.Namespace) -> int:
    from pipeline.deploying import destroying
    from pipeline.deploying.bucket import STACK
    from pipeline.deploying.errors import DeployError

    cloudformation = where.client("cloudformation")
    try:
        kept = destroying.kept_by(cloudformation, where.stack)
        told = [each for each in kept if not options.delete_data or destroying.is_deleted_with_data(each)]
        if not _is_meant(where.stack, [str(each) for each in told], options):
            print("Nothing was deleted.")
            return EXIT_FAILED
        destroying.delete_stack(cloudformation, where.stack, print, 0.2 if where.is_local else 3.0)
        left = destroying.delete_data(where.client, kept, print) if options.delete_data else kept
    except DeployError as error:
        print(f"imagebatch: {error}", file=sys.stderr)
        return EXIT_FAILED
    print(f"The stack {where.stack} is gone. What is left:")
    for each in left:
        print(f"  {each}")
    print(f"  the stack {STACK}, with what deployments have uploaded: other stacks may use it")
    return 0


def _is_meant(stack: str, kept: list[str], options: argparse.Namespace) -> bool:
    print(f"The stack {stack} would be deleted.")
    print(f"{'With it, for good:' if options.delete_data else 'What it leaves:'} {', '.join(kept) or 'nothing'}")
    if options.delete_data:
        if options.confirm is not None:
            return bool(options.confirm == stack)
        return sys.stdin.isatty() and input("Type the stack's name to delete it and its data: ").strip() == stack
    if options.yes:
        return True
    return sys.stdin.isatty() and input("Delete it? [y/N] ").strip().lower() in ("y", "yes")
