"""What others say of a recording: pynwb by the schema, nwbinspector by what archives ask for."""

import pynwb

from environment import missing

__all__ = ["assert_clean"]


def assert_clean(path, config=None, worst="BEST_PRACTICE_VIOLATION"):
    """Nothing against the schema, and nothing worse than `worst`, so that nothing is critical.

    `config` "dandi" asks for more than nwbinspector does by itself.
    """
    try:
        import nwbinspector
    except ImportError:
        missing("nwbinspector (extra 'test')")
    assert not pynwb.validate(path=str(path))
    found = nwbinspector.inspect_nwbfile(
        nwbfile_path=path, config=config and nwbinspector.load_config(config)
    )
    borne = nwbinspector.Importance[worst].value
    assert [message.message for message in found if message.importance.value > borne] == []
