"""`python -m tests.benchmarks.speed`."""

import sys

from tests.benchmarks.speed.run import main

sys.exit(main())
