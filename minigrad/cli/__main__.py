"""`python -m minigrad.cli`: the command line, where its script is not on the PATH."""

import sys

from minigrad.cli import main

sys.exit(main())
