"""How many processes the suite takes."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Spread the whole suite over all cores, before pytest-xdist looks at the option.

    A part of it (a path, ``-k``) starts at once, in the process that was called. An
    explicit ``-n`` is obeyed, and a worker starts no workers of its own.
    """
    if hasattr(config, "workerinput") or config.option.usepdb or config.option.keyword:
        return
    whole = config.args_source is config.ArgsSource.TESTPATHS
    if whole and getattr(config.option, "numprocesses", 0) is None:
        config.option.numprocesses = "logical"
