"""``artiphys describe``: what a recording holds, and the layout that would read it."""

from artiphys_cli.options import Flag, Quiet

__all__ = ["describe"]


def describe(file: str, /, *, layout_only: Flag = False, quiet: Quiet = False) -> None:
    """Show what an NWB file holds, and propose a layout to read it with.

    Tables, columns and units of an NWB file, and the layout proposed for it.

    Parameters
    ----------
    file
        an NWB file or its URL
    layout_only
        print the proposed layout alone, as TOML for `artiphys ingest --layout`, with what else it
        might be as comments

    Examples
    --------
    $ artiphys describe session.nwb
    $ artiphys describe session.nwb --layout-only > lab.toml
    """
    from artiphys_nwb import describe_nwb
    from artiphys_nwb.errors import LayoutError

    description = describe_nwb(file)
    if not layout_only:
        if not quiet:
            print(description)
    elif description.layout is None:
        why = "; ".join(description.missing)
        msg = f"{description.file}: no layout to propose: {why}; write one by hand (docs/nwb.md)"
        raise LayoutError(msg)
    else:
        print(description.toml, end="")
