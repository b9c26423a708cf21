"""
Moves a whole database: from one into a file, and from that into an empty one.

Any engine to any engine. An incomplete file is refused (file.py); a database gets all
of it or nothing (loading.py). Everything here blocks: it is for the command line.
"""

from __future__ import annotations

from budstikke.store.move.dump import Exported, export
from budstikke.store.move.file import MoveError
from budstikke.store.move.loading import Imported, load
from budstikke.store.move.tables import Books

__all__ = ["Books", "Exported", "Imported", "MoveError", "export", "load"]
