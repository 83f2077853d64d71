"""Answers instead of raw numbers: in go the latest readings and the site file, out come figures of racks, loops, feeds and sites."""
