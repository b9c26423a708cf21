"""How long tests wait for what has to happen, on a machine that may be busy."""

from __future__ import annotations

PATIENCE = 60.0
"""
Seconds after which something that should have happened has failed.

Nothing takes a tenth of it on a quiet machine; a test that passes never waits for it.
"""
