"""What schemathesis is told of our formats; it loads this by SCHEMATHESIS_HOOKS."""

from __future__ import annotations

import schemathesis
from hypothesis import strategies as st

schemathesis.openapi.format("phone", st.from_regex(r"\A\+47(4[0-9]{7}|9[0-9]{7})\Z"))
schemathesis.openapi.format("sender", st.from_regex(r"\A[A-Za-z]{3,11}\Z"))
