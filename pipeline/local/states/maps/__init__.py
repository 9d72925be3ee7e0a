"""The Map state: inline within an execution, or distributed over child executions of its own."""
