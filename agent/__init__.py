"""The agent: polls devices, converts their answers to catalogue readings and publishes them over MQTT.

A reading passes through these, in this order: `config_file` reads the configuration (`config` has its keys), `process` and `run` start the
agent, `device_tasks` a task for each device. That task, `loop`, polls when `schedule` says so, through `poll`, over `snmp` or `modbus`
and by a `profile`. `reporter` puts what it read into the outbox (`rackflow.outbox`), `publish` sends that to the broker.

* Beside polling: `traps` receives those of devices, `pair` runs two agents of which one polls, `self_metrics` counts, `settings` says
  what a reload may change.
* Commands: `cli` names them; they are in `commands_run` (run, check), `commands_read` (read, replay), `doctor` and `lab` (adding devices).
* What `check` and `doctor` find beside faulty keys: `config_checks`; for `doctor` also `name_in_use`.
"""
