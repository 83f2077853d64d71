"""Rules of Prometheus that record which devices and agents are silent: what is wrong with them goes on, because nobody can see its end."""

SILENT = "device:dcim_silent:info"
# Devices whose state is unknown. The last three parts apply if a collector is away or has just started: then all devices that it knew count
# as silent (forgotten ones for five minutes more). The last part applies if no collector reports the site any more. It has no label
# `device`, so it matches series without one, such as the figures of a loop, a feed or a panel.
SILENT_RULE = """\
(max by (site, device) (dcim_device_up) == 0)
or
(max by (site, device) (dcim_device_observed) == 0)
or
(
  max by (site, device) (last_over_time(dcim_device_observed[5m:15s]))
  unless
  max by (site, device) (dcim_device_observed)
)
or
(
  max by (site, device) (last_over_time(dcim_device_observed[1h:1m]))
  unless
  max by (site, device) (dcim_device_observed)
  and on ()
  min(up{job="dcim-collector-safety"}) == 0
)
or
(
  max by (site) (last_over_time(dcim_device_observed[1h:1m]))
  unless
  max by (site) (dcim_device_observed)
  and on ()
  min(up{job="dcim-collector-safety"}) == 0
)"""
# Those that have been silent for ten seconds. One scrape that is lost proves nothing, and an alert outlasts it: all of them go on for
# 30 s at least after they last held (`keep_s`). If such a moment counted, that time would start over: an alert about mains that were
# back did not end while a scrape was lost every two minutes.
SILENT_ON = "device:dcim_silent_on:info"
SILENT_ON_RULE = f"{SILENT}\nand\n{SILENT} offset 5s\nand\n{SILENT} offset 10s"
# A device that is back shows its readings with the next scrape, which may come later than that of the safety class.
STILL_SILENT = f"last_over_time({SILENT_ON}[15s])"
# Agents of which nobody knows whether they are there, or that are gone: what was wrong with them may be so still. The last part is for as
# long as no collector can tell; forgotten agents count for five minutes.
AGENT_SILENT = "agent:dcim_silent:info"
AGENT_SILENT_RULE = """\
(max by (site, agent) (dcim_agent_up) == 0)
or
(
  max by (site, agent) (last_over_time(dcim_agent_up[5m:15s]))
  unless
  max by (site, agent) (dcim_agent_up)
)
or
(
  max by (site, agent) (last_over_time(dcim_agent_up[1h:1m]))
  unless
  max by (site, agent) (dcim_agent_up)
  and on ()
  (min(dcim_collector_mqtt_connected) == 0 or min(up{job="dcim-collector-safety"}) == 0)
)"""
# As for devices: not a single scrape that was lost.
AGENT_STILL_SILENT = f"{AGENT_SILENT}\nand\n  {AGENT_SILENT} offset 5s\nand\n  {AGENT_SILENT} offset 10s"
# A reading is missing once three scrapes of all readings have not shown it: as above, one scrape that is lost proves nothing.
MISSING_AFTER = "15s"
