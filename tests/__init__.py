"""Tests of Celeriac. The Python part is the harness in tests.services."""
