"""State machines: authored in Python with the `stepfunctions` SDK, rendered to the JSON that is run.

`<name>.py` builds a machine, `<name>.asl.json` beside it is its rendering, `python -m state_machines` renders again.
The JSON is committed: running and deploying need neither the SDK nor this package's code.
"""
