"""One Lambda handler a file: each reads its event, calls pipeline/, and answers with a small document.

The environment variable LOG_LEVEL says how much they log; Lambda's own default passes over what is not a warning.
"""

import logging
import os

logging.getLogger("pipeline").setLevel(os.environ.get("LOG_LEVEL", "INFO"))
