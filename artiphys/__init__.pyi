from .comparison.compare import compare
from .comparison.experiment import matched_responses
from .correlations.partial import partial_spearman
from .correlations.spearman import fisher_z, spearman
from .design.control import control
from .design.power import power
from .errors import ArtiphysError, ArtiphysWarning, InputError, SchemaError
from .estimators.dynamic_range import dynamic_range
from .estimators.invariance import invariance
from .estimators.reliability import signal_to_noise, split_half_reliability, square_root
from .estimators.translation_invariance import translation_invariance
from .integration.weights import output_invariance, weight_share
from .rectification.covariance import rectified_covariance
from .rectification.model import RectificationModel
from .rectification.moments import rectified_moments
from .responses.array import response_array
from .responses.presentations import from_presentations, to_presentations
from .responses.schema import validate
from .responses.storage import open_responses, save_responses
from .responses.tables import from_pandas, to_pandas
from .signatures.report import verdict
from .signatures.signature import signature
from .signatures.unit_table import unit_table
from .simulation import simulate_responses

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
    "from_pandas",
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
    "to_pandas",
    "to_presentations",
    "translation_invariance",
    "unit_table",
    "validate",
    "verdict",
    "weight_share",
]

__version__: str
