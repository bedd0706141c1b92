"""`python -m minigrad.cli`: the command where its script is not on the PATH."""

import sys

from minigrad.cli import main

sys.exit(main())
