#!/bin/sh
# Passwords from the environment in, hashed in the password file out; then the broker. FOLDER is another place for a test.
set -eu
folder=${FOLDER:-/mosquitto}
umask 077
printf '%s:%s\n' compose-agent "$RACKFLOW_AGENT_PASSWORD" collector "$RACKFLOW_COLLECTOR_PASSWORD" > "$folder/data/passwords"
mosquitto_passwd -U "$folder/data/passwords"
# The broker gives up root for this user, who must be able to read it.
if [ "$(id -u)" = 0 ] && id mosquitto > /dev/null 2>&1; then chown mosquitto "$folder/data" "$folder/data/passwords"; fi
unset RACKFLOW_AGENT_PASSWORD RACKFLOW_COLLECTOR_PASSWORD
exec mosquitto -c "$folder/config/mosquitto.conf"
