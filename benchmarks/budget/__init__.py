"""The budget of the hot paths: machine instructions and calls of three fixed workloads, compared with committed figures.

Instructions do not depend on what else a machine does, so a check can compare them, which it could not do with seconds.
"""
