"""Translation invariance against dynamic range, in deep nets and in visual cortex.

One response array, ``unit × image × position``, holds what a network answers and what a recording
holds; one set of estimators serves both. Networks are probed by ``artiphys_torch``, recordings are
read by ``artiphys_nwb``.
"""

from importlib.metadata import version

from artiphys.comparison.compare import compare
from artiphys.comparison.experiment import matched_responses
from artiphys.correlations.partial import partial_spearman
from artiphys.correlations.spearman import fisher_z, spearman
from artiphys.design.control import control
from artiphys.design.power import power
from artiphys.errors import ArtiphysError, ArtiphysWarning, InputError, SchemaError
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.invariance import invariance
from artiphys.estimators.reliability import signal_to_noise, split_half_reliability, square_root
from artiphys.estimators.translation_invariance import translation_invariance
from artiphys.integration.weights import output_invariance, weight_share
from artiphys.rectification.covariance import rectified_covariance
from artiphys.rectification.model import RectificationModel
from artiphys.rectification.moments import rectified_moments
from artiphys.responses.array import response_array
from artiphys.responses.presentations import from_presentations
from artiphys.responses.schema import validate
from artiphys.responses.storage import open_responses, save_responses
from artiphys.signatures.report import verdict
from artiphys.signatures.signature import signature
from artiphys.signatures.unit_table import unit_table
from artiphys.simulation import simulate_responses

__all__ = [
    "ArtiphysError",
    "ArtiphysWarning",
    "InputError",
    "RectificationModel",
    "SchemaError",
    "compare",
    "control",
    "dynamic_range",
    "fisher_z",
    "from_presentations",
    "invariance",
    "matched_responses",
    "open_responses",
    "output_invariance",
    "partial_spearman",
    "power",
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
    "unit_table",
    "validate",
    "verdict",
    "weight_share",
]

__version__ = version("artiphys")
