"""A deployed stack seen from outside: found, started, watched and stopped through AWS's APIs, and nothing else.

The same code serves AWS and a local cloud, which differ in where clients are sent (pipeline/aws.py).

    stack.py        the stack, found by its name
    cloud_file.py   where a local cloud is that `imagebatch up` keeps running
    executions.py   executions of its state machine: found by run id, started, stopped
    history.py      what an execution's events tell: its run, its states
    jobs.py         the SageMaker jobs of a run
    progress.py     how far a run has come
    standing.py     all of it for one run
    overview.py     a line for each of many runs
    telling.py      the same in words
    replay.py       a run over what an earlier one rejected and somebody fixed since
"""
