"""Sphinx configuration: ``python -m sphinx -W -b html docs docs/_build/html``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import sklearn_proto

project = "sklearn_proto"
author = "The sklearn_proto developers"
copyright = "2026, the sklearn_proto developers"
version = release = sklearn_proto.__version__

# No intersphinx: the documentation builds without a network.
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.mathjax",
    "numpydoc",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
nitpicky = False

autosummary_generate = True
autodoc_typehints = "none"
# The class template lists the members.
numpydoc_show_class_members = False
doctest_global_setup = """
import warnings
from sklearn.exceptions import ConvergenceWarning
warnings.simplefilter("ignore", ConvergenceWarning)
"""

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_proto"
html_static_path = ["_static"]
html_show_sourcelink = False
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False}
