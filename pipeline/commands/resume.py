"""`imagebatch resume`: a run of a deployed stack that failed or was stopped, taken up where it was."""

import argparse
import sys
from typing import Any

from pipeline.commands import EXIT_FAILED, arguments, cloud, status, watch


def add_to(commands: Any) -> None:
    resume = commands.add_parser(
        "resume",
        help="go on with a run of a deployed stack that failed or was stopped",
        description="Go on with a run. Its execution is redriven where that helps; else a new execution takes the run "
        "over: what is validated and predicted is kept, and the rest is done again. The results are those of a run "
        "that nothing happened to.",
    )
    status.add_run_argument(resume)
    arguments.add_max_cost_option(resume)
    resume.add_argument("--wait", action="store_true", help="follow the run to its end, as `imagebatch watch` does")
    cloud.add_options(resume)
    resume.set_defaults(command=_resume)


def _resume(options: argparse.Namespace) -> int:
    return cloud.carry_out(options, lambda deployed: _resume_in(deployed, options))


def _resume_in(deployed: cloud.Cloud, options: argparse.Namespace) -> int:
    from pipeline.deployed import executions, resumption

    found = executions.find(deployed.stepfunctions, deployed.s3, deployed.deployment, options.run)
    resumed = resumption.resume(deployed.stepfunctions, deployed.s3, deployed.deployment, found, options.max_cost)
    if resumed.execution is None:
        print(f"imagebatch: {resumed.told}", file=sys.stderr)
        return EXIT_FAILED
    print(resumed.told, flush=True)
    name = resumed.execution.rpartition(":")[2]
    if options.wait:
        execution = executions.describe(deployed.stepfunctions, resumed.execution)
        return watch.to_its_end(deployed, execution, name, as_json=False)
    print(f"Watch:   imagebatch watch {name}{deployed.options}")
    return 0
