"""What the agent and collector programs share: configuration files, YAML, logging, exit statuses, SQLite, threads, MQTT.

Import the modules directly; this package re-exports nothing. The contract (catalogue, documents) needs only the YAML reader, and a
program that imports the contract must not need aiomqtt.
"""
