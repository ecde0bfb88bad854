"""Libraries that are imported when they are first used."""

import subprocess
import sys

import pytest

from firewall.core.late import Late


def test_a_module_is_imported_by_the_first_name_that_is_asked_for() -> None:
    """Until then nothing is imported; the name is then what the module has, and is not looked up again."""
    late = Late("wave")
    loaded = sys.modules.pop("wave", None)
    try:
        assert "wave" not in sys.modules
        found = late.WAVE_FORMAT_PCM
        assert found == sys.modules["wave"].WAVE_FORMAT_PCM
        assert late.__dict__["WAVE_FORMAT_PCM"] is found
    finally:
        if loaded is not None:
            sys.modules["wave"] = loaded


def test_what_is_not_there_is_said_as_a_module_says_it() -> None:
    """A name that the module lacks, and a module that is not installed, raise what an import would."""
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = Late("wave").no_such_name
    with pytest.raises(ImportError):
        _ = Late("firewall.no_such_module").name


def test_being_looked_at_imports_nothing() -> None:
    """What Python itself asks of any object (copying, inspecting) is no use of the library."""
    late = Late("firewall.no_such_module")
    assert not hasattr(late, "__wrapped__")
    assert not hasattr(late, "__file__")


def test_no_start_imports_the_library_for_graphql() -> None:
    """Reading policies takes no GraphQL; its library is loaded when both listeners are up."""
    script = "import sys, firewall.classify.text; print('graphql' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr
