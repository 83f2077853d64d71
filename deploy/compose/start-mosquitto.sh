#!/bin/sh
# Writes the passwords from the environment, hashed, to the broker's password file, then starts the broker. A test sets FOLDER.
set -eu
folder=${FOLDER:-/mosquitto}
umask 077
printf '%s:%s\n' compose/compose-agent "$RACKFLOW_AGENT_PASSWORD" rackflow-collector "$RACKFLOW_COLLECTOR_PASSWORD" \
    monitor "$RACKFLOW_MONITOR_PASSWORD" > "$folder/data/passwords"
mosquitto_passwd -U "$folder/data/passwords"
# The broker drops root and continues as this user, who must be able to read the file.
if [ "$(id -u)" = 0 ] && id mosquitto > /dev/null 2>&1; then chown mosquitto "$folder/data" "$folder/data/passwords"; fi
unset RACKFLOW_AGENT_PASSWORD RACKFLOW_COLLECTOR_PASSWORD RACKFLOW_MONITOR_PASSWORD
exec mosquitto -c "$folder/config/mosquitto.conf"
