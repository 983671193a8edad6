"""The server of one model, as it runs inside a serving container: `python -m lab.runtime.serving`."""
