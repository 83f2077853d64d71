#!/bin/sh
# Writes the passwords from the environment, hashed, to the broker's password file, then starts the broker. A test sets FOLDER.
set -eu
folder=${FOLDER:-/mosquitto}
umask 077
# mosquitto_passwd drops blanks at either end and all from a colon on: a shorter password would open the account.
for password in "$RACKFLOW_AGENT_PASSWORD" "$RACKFLOW_COLLECTOR_PASSWORD" "$RACKFLOW_MONITOR_PASSWORD"; do
    case $password in
    *:* | [[:space:]]* | *[[:space:]]) echo "a password in .env has a colon, or a blank at an end, which mosquitto_passwd drops; choose another" >&2; exit 1 ;;
    esac
done
printf '%s:%s\n' compose/compose-agent "$RACKFLOW_AGENT_PASSWORD" rackflow-collector "$RACKFLOW_COLLECTOR_PASSWORD" \
    monitor "$RACKFLOW_MONITOR_PASSWORD" > "$folder/data/passwords"
mosquitto_passwd -U "$folder/data/passwords"
# The broker drops root and continues as this user, who must be able to read the file.
if [ "$(id -u)" = 0 ] && id mosquitto > /dev/null 2>&1; then chown mosquitto "$folder/data" "$folder/data/passwords"; fi
unset RACKFLOW_AGENT_PASSWORD RACKFLOW_COLLECTOR_PASSWORD RACKFLOW_MONITOR_PASSWORD
exec mosquitto -c "$folder/config/mosquitto.conf"
