"""State dicts as they are published: wrapped, with prefixes, and with names of years ago."""

import re
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from artiphys.errors import ArtiphysWarning, InputError

__all__ = ["fitted"]

# Keys that training scripts save it under, in the order in which they are taken.
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "weights")
AVERAGED = ("ema", "model_ema", "state_dict_ema", "ema_state_dict")  # a running mean of the weights
PARTS = ("module", "_orig_mod")  # of names, put in by DataParallel and torch.compile
# Names that torchvision's networks once had.
RENAMED = (
    (re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)$"), r"\1\2"),
    (re.compile(r"^(.*\.mlp)\.linear_1\.(.*)$"), r"\1.0.\2"),
    (re.compile(r"^(.*\.mlp)\.linear_2\.(.*)$"), r"\1.3.\2"),
)


def fitted(checkpoint: Any, model: nn.Module, name: str) -> tuple[dict[str, torch.Tensor], str]:
    """Return the state dict inside a checkpoint under the model's own names, as far as it has them.

    What is taken off or put on is told by a warning, but for ``module.`` and ``_orig_mod.``, which
    ``DataParallel`` and ``torch.compile`` put on every network.

    Parameters
    ----------
    checkpoint : Any
        A state dict, or a mapping that holds it, or its running mean, under a usual name.
    model : torch.nn.Module
    name : str
        For the messages.

    Returns
    -------
    state : dict of str to tensor
    unfit : str
        What the names have in common where they are not the model's, for a message.

    Raises
    ------
    InputError
        If there is no state dict, or several prefixes fit.
    """
    state, key = _inner(checkpoint, name)
    if key in AVERAGED:
        msg = f"{name}: taken is {key!r}, the running mean of the weights"
        warnings.warn(msg, ArtiphysWarning, stacklevel=5)
    wanted = list(model.state_dict())
    metadata = dict(getattr(state, "_metadata", None) or {})
    names = {key: _without_parts(key, wanted) for key in state}
    names = {key: _today(each, wanted) for key, each in names.items()}
    renamed = {each: state[key] for key, each in names.items()}
    unfit = ""
    if not _has_all(renamed, wanted):
        prefixes = _prefixes(renamed, wanted)
        if len(prefixes) > 1:
            msg = (
                f"{name}: holds weights of {type(model).__name__} {len(prefixes)} times, under"
                f" {', '.join(map(repr, prefixes))}; save the one that is meant"
            )
            raise InputError(msg)
        (prefix,) = prefixes or ("",)
        put_on, common = _common(wanted), _common(renamed)
        if prefix:
            left = {key: value for key, value in renamed.items() if not key.startswith(prefix)}
            renamed = {
                _today(key.removeprefix(prefix), wanted): value
                for key, value in renamed.items()
                if key.startswith(prefix)
            }
            metadata = {k.removeprefix(prefix): value for k, value in metadata.items()}
            others = f", and {len(left)} tensors without it, as {next(iter(left))}," if left else ""
            msg = f"{name}: its names begin with {prefix!r}, which is left off{others} to fit"
            warnings.warn(msg, ArtiphysWarning, stacklevel=5)
        elif put_on and _has_all({put_on + key: 0 for key in renamed}, wanted):
            renamed = {put_on + key: value for key, value in renamed.items()}
            metadata = {}
            msg = f"{name}: its names lack {put_on!r}, which is put before them to fit"
            warnings.warn(msg, ArtiphysWarning, stacklevel=5)
        elif common:
            unfit = f" (its names begin with {common!r})"
    found = OrderedDict(renamed)
    found._metadata = metadata or _metadata(model, found)  # type: ignore[attr-defined]
    return found, unfit


def _common(names: Iterable[str]) -> str:
    """Return the parts that all names begin with, as ``model.``; empty if there are none."""
    shared = []
    for column in zip(*(each.split(".")[:-1] for each in names), strict=False):
        if len(set(column)) > 1:
            break
        shared.append(column[0])
    return "".join(f"{part}." for part in shared)


def _inner(checkpoint: Any, name: str) -> tuple[Mapping[str, torch.Tensor], str]:
    """Return the state dict inside a checkpoint, and the key that it has there."""
    for key, candidate in _candidates(checkpoint, ""):
        if (
            isinstance(candidate, Mapping)
            and candidate
            and all(isinstance(k, str) for k in candidate)
            and all(isinstance(value, torch.Tensor) for value in candidate.values())
        ):
            return candidate, key
    msg = f"{name}: holds no state dict, a mapping of names to tensors; save model.state_dict()"
    raise InputError(msg)


def _candidates(checkpoint: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Yield what may be the state dict, the innermost first."""
    if isinstance(checkpoint, Mapping):
        for wrapper in (*WRAPPERS, *AVERAGED):
            if isinstance(checkpoint.get(wrapper), Mapping):
                yield from _candidates(checkpoint[wrapper], wrapper)
        yield key, checkpoint


def _has_all(state: Mapping[str, Any], wanted: list[str]) -> bool:
    counted = {key for key in wanted if not key.endswith("num_batches_tracked")}
    return bool(counted) and counted <= state.keys()


def _prefixes(state: Mapping[str, Any], wanted: list[str]) -> list[str]:
    """Return the prefixes under which a state dict holds all the wanted names."""
    first = wanted[0]
    alike = {_today(key, wanted, anywhere=True): key for key in state}
    found = [key[: -len(first)] for key in alike if key.endswith(f".{first}")]
    return [
        prefix
        for prefix in found
        if _has_all(
            {key.removeprefix(prefix): 0 for key in alike if key.startswith(prefix)}, wanted
        )
    ]


def _without_parts(name: str, wanted: list[str]) -> str:
    """Return a name without what wrappers have put in, where the model has none of that name."""
    if name in wanted:
        return name
    bare = ".".join(part for part in name.split(".") if part not in PARTS)
    return name if any(f".{part}." in f".{key}" for key in wanted for part in PARTS) else bare


def _today(name: str, wanted: list[str], *, anywhere: bool = False) -> str:
    """Return the name that torchvision's networks give a tensor today."""
    if name not in wanted:
        for pattern, replacement in RENAMED:
            renamed = pattern.sub(replacement, name)
            if renamed in wanted or (anywhere and renamed.endswith(tuple(wanted))):
                return renamed
    return name


def _metadata(model: nn.Module, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the versions of the modules of today, but of those whose tensors are of yesterday."""
    versions = dict(getattr(model.state_dict(), "_metadata", {}))
    for name, module in model.named_modules():
        counted = getattr(module, "num_batches_tracked", None) is not None
        if counted and f"{name}.num_batches_tracked" not in state:
            versions[name] = {"version": 1}
    return versions
