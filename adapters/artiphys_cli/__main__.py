"""``python -m artiphys_cli``, the same as ``artiphys``."""

import sys

from artiphys_cli.main import main

sys.exit(main())
