"""The agent: polls devices, converts their answers to catalogue readings and publishes them over MQTT.

A reading passes through these, in this order: `config_file` reads the configuration (`config` has its keys), `process` and `run` start the
agent, `device_tasks` a task for each device. That task, `loop`, polls when `schedule` says so, through `poll`, over `snmp` or `modbus` and
by a `profile`. `reporter` puts what it read into the outbox (`rackflow.outbox`), `publish` sends that to the broker.

* Beside polling: `traps` receives those of devices, `pair` runs two agents of which one polls, `self_metrics` counts, `settings` says what
  a reload may change.
* Commands: `__main__` calls `cli`, which names them; they are in `commands_run` (run, check), `commands_read` (read, replay), `doctor` and
  `lab` (adding devices).
* What `check` and `doctor` find beside faulty keys: `config_checks`; for `doctor` also `name_in_use`.
* Shared: `readings` has the results of a poll, `context` what device tasks share, `wake_ups` one timer for all that wait, `deadline`
  timeouts that count only a device's own silence. `split` makes several messages of a poll, `epoch` names a run of the agent, `vocabulary`
  knows the keys of other collectors.
"""
