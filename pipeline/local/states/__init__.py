"""AWS Step Functions: the Amazon States Language, compiled and run.

    api             the service: `StatesService`, one method an operation of the API
    definition      a definition, parsed, checked and compiled; errors, scope
    jsonpath, references, intrinsics, templates, choice, timestamps      the expressions in it
    engine          the event loop that executions run on
    execution, interpreter, dataflow, frame, retry, waits, context, quantities    one execution, state by state
    tasks, integrations, tokens, activities                              work that is done elsewhere
    maps            Map states, inline and distributed
    history, records, store, documents                                   what is kept

A definition is compiled once, when its state machine is created, and refused then if anything in it is unknown.
Everything that runs does so on one thread; calls that block go to a pool of threads.
"""
