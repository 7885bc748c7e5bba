"""Response arrays from and to the formats of other packages: doors, each a few lines.

A name loads its module, and so the other package, when it is first used: who reads MATLAB files
needs no pynapple.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
