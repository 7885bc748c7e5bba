"""Translation invariance against dynamic range, in deep nets and in visual cortex.

One response array, ``unit × image × position``, holds what a network answers and what a recording
holds; one set of estimators serves both. Networks are probed by ``artiphys_torch``, recordings are
read by ``artiphys_nwb``.
"""

from importlib.metadata import version

from artiphys.comparison import compare
from artiphys.errors import ArtiphysError, ArtiphysWarning, InputError, SchemaError
from artiphys.estimators import dynamic_range, invariance
from artiphys.integration import output_invariance, weight_share
from artiphys.invariance_index import translation_invariance
from artiphys.matched_responses import matched_responses
from artiphys.partial_correlation import partial_spearman
from artiphys.rank_correlation import fisher_z, spearman
from artiphys.rectification import rectified_covariance, rectified_moments
from artiphys.rectification_model import RectificationModel
from artiphys.reliability import signal_to_noise, split_half_reliability, square_root
from artiphys.schema import response_array, validate
from artiphys.signatures import signature
from artiphys.simulation import simulate_responses
from artiphys.storage import open_responses, save_responses
from artiphys.verdicts import verdict

__all__ = [
    "ArtiphysError",
    "ArtiphysWarning",
    "InputError",
    "RectificationModel",
    "SchemaError",
    "compare",
    "dynamic_range",
    "fisher_z",
    "invariance",
    "matched_responses",
    "open_responses",
    "output_invariance",
    "partial_spearman",
    "rectified_covariance",
    "rectified_moments",
    "response_array",
    "save_responses",
    "signal_to_noise",
    "signature",
    "simulate_responses",
    "spearman",
    "split_half_reliability",
    "square_root",
    "translation_invariance",
    "validate",
    "verdict",
    "weight_share",
]

__version__ = version("artiphys")
