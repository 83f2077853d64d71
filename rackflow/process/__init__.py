"""What both sides need to be a program: configuration files, YAML, logging, exit statuses, SQLite, threads.

These are separate modules without a common door, because the contract (catalogue, documents) needs only the YAML reader.
"""
