"""What a run tells CloudWatch: log lines and metrics, in the shapes that it reads by itself.

log_lines.py     one JSON object a line, for functions and containers alike
reading.py       such lines, and metrics, for people
functions.py     what every line of a function's log says of the invocation and the run
jobs.py          the same of a container
metrics.py       every metric that there is, and the embedded metric format (EMF) that carries them
run_metrics.py   what a run came to, counted once
throughput.py    how fast images are validated and predicted
"""
