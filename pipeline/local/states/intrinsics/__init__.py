"""Intrinsic functions: `States.Format('{}', $.name)` and the other seventeen.

    compile("States.MathAdd($.a, 1)") -> Expression

`parser` reads calls, nested ones included; `functions` holds what each function does with its arguments' values.

Source: Step Functions Developer Guide, "Intrinsics for JSONPath states in Step Functions".
"""

from pipeline.local.states.intrinsics.parser import compile

__all__ = ["compile"]
