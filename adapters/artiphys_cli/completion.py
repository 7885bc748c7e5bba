"""``artiphys completion``: a script with which a shell completes commands and options."""

from typing import Literal

__all__ = ["completion"]


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print a script that lets a shell complete commands and options.

    Put it where your shell looks for such scripts: for bash, into
    ~/.local/share/bash-completion/completions/artiphys; for zsh, as _artiphys into a folder of
    $fpath; for fish, into ~/.config/fish/completions/artiphys.fish.

    Parameters
    ----------
    shell
        bash, zsh or fish

    Examples
    --------
    $ artiphys completion bash > artiphys.bash
    $ artiphys completion zsh > _artiphys
    """
    from artiphys_cli.parser import app

    print(app().generate_completion(shell=shell))
