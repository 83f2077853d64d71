"""The collector of Rackflow: subscribes to batches, stores them, and exposes the latest readings.

Data path: `receive` (MQTT), with the `readings` that are usable -> `flow` (ingest and writer) -> `store` and `ledger`; beside it `latest`
-> `derive` -> `problems` -> `api` -> `web`. `records` keeps hours for the `report`. Nothing is imported here: the command line must not
load all of that to say what its commands are.

* The program: `__main__` calls `cli`; the commands are in `commands_run` (with `doctor`) and `commands_state` (with `forget` and `backup`);
  `known_names` and `already_running` check a configuration for them. `config` has the configuration file.
* A running collector: `process` runs it as a process, `run` starts and ends its parts, `assemble` makes them, `parts` names them for those
  that need several; `own_files` keeps other processes away from their files. `standstill` decides whether a restart would help.
* What it shows: `view` gathers it, `self_metrics` renders its own metrics from `counters`, `certificates` says which of them end when.
* Between packages: `stored_publisher` tells agents from the ledger which messages are durable, `budgets` has how much an agent may have,
  `http` what clients of HTTP share.
"""
