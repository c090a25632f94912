#!/bin/busybox sh
# What the agent calls to shut the guest down.
echo "GUEST-OFF by its agent" > /dev/console
sync
poweroff -f
