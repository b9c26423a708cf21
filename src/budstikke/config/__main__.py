"""Write the table of settings of docs/configure.md."""

import sys

from budstikke.config import table

sys.stdout.write(table() + "\n")
