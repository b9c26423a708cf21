"""
Measure Budstikke, Kannel and Jasmin in turns on this machine.

    bench/install.sh [--jasmin] && python bench/run.py [--quick] [--rounds N]
        [--only NAME] [--history] [--backlog] [--soak] [--profile]

The options are those of bench/cli.py; `--help` lists them.
"""

import importlib
import sys
from pathlib import Path

# So that the package is found from everywhere, and without being installed.
sys.path[0] = str(Path(__file__).resolve().parent.parent)
cli = importlib.import_module("bench.cli")
if __name__ == "__main__":
    sys.exit(cli.main())
