"""What both sides need to be a program: configuration files, YAML, logging, exit statuses, SQLite, threads, MQTT.

These are separate modules without a common door: the contract (catalogue, documents) needs only the YAML reader, and a program
that imports it must not need aiomqtt.
"""
