"""Real Celery and Django against ours, both ways. Run the programs as modules: interop.interop,
interop.fleet, interop.faults, interop.keys, interop.check_oracle."""
