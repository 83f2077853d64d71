"""What the agent and collector programs share.

* Start and end: `commands` (exit statuses), `logs`, `event_loop`, `limits` (open files), `notify` (systemd), `hang_up` (SIGHUP),
  `watchdog`, `stopping`.
* Work in the process: `bulkhead` (optional parts), `threads`, `slices`, `gc_pauses`, `loop_lag`, `within` (a timeout that a
  standstill of the process does not use up).
* Configuration: `config` reads a file, over `yaml`; what keys may contain is in `paths`, `hosts`, `listen`, `secret` and `broker`, the
  words for faults in `fault_words`. `key_types` and `field_texts` serve the generated reference, `verdict` the `check` commands,
  `yaml_edit` those that add to a file, `env_file` those that read a service's environment.
* Network: `mqtt5` for batches, `mqtt` for all else over MQTT, `takeover` (a second client of one name), `certificates`, `resolve`,
  `http_client`.
* Disks and clocks: `files`, `sqlite`; `steady` and `unset_clock` notice a wrong clock.
* Commands: `doctor`, `doctor_disks`, `progress`, `machine_output`.

Import the modules directly; this package re-exports nothing. The contract (catalogue, documents) needs only the YAML reader, and a
program that imports the contract must not need aiomqtt.
"""
