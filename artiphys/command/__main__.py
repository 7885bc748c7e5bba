"""``python -m artiphys.command``, the same as ``artiphys``."""

import sys

from artiphys.command import main

sys.exit(main())
