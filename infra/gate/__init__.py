"""What `make check` asks of the template and its state machines, without a network and without an account.

stack        the template as written, as SAM translates it with the definitions inlined, and with its conditions decided
definitions  state machines: structure, transitions, reachability, substitutions, parameters against botocore's models
policies     every policy of IAM, and what a role may hold at all: parliament, and rules of our own
rules        the rules of `rules.guard`, in AWS's policy language: encryption, TLS, logs, tracing, trust
lint         cfn-lint on the template and on the translated one
scan         checkov, in an environment of its own

python -m infra.gate        everything; each finding is a line, and any makes it exit with 1
"""
