"""Jinja2 as the deployments use it: no autoescape, undefined names are empty, no sandbox."""

from jinja2 import Template


def render(source, data):
    """SOURCE with the names of DATA; None is an empty source."""
    return Template(source or "").render(**data)
