"""Translation invariance against dynamic range, in deep nets and in visual cortex.

One response array, ``unit × image × position``, holds what a network answers and what a recording
holds; one set of estimators serves both. Networks are probed by ``artiphys_torch``, recordings are
read by ``artiphys_nwb``.

A name loads its module when it is first used (its list is ``__init__.pyi``), so that importing
artiphys takes no time, and the statistics of SciPy, the most of it, only come to who asks for them.
"""

from importlib.metadata import version

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = version("artiphys")
