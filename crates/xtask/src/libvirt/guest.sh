#!/bin/busybox sh
# The whole guest: says on the serial line that it is up and what the last boot left on the disk, then
# writes once a second, until its power button is pressed.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
# In the order in which they need each other.
for module in $(cat /modules/order*); do insmod "/modules/$module.ko"; done

for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -b /dev/vda ] && break
    sleep 0.1
done
up() { cut -d' ' -f1 /proc/uptime; }
echo "GUEST-UP uptime=$(up) kernel=$(uname -r) sectors=$(cat /sys/block/vda/size)"

MARKER=2048
echo "GUEST-MARKER old=[$(dd if=/dev/vda bs=512 skip=$MARKER count=1 2>/dev/null | tr -d '\0')]"

# One event of the button is as long as this, and nothing else is read here.
for event in /sys/class/input/event*; do
    [ "$(cat "$event/device/name")" = 'Power Button' ] || continue
    (
        head -c 24 "/dev/input/${event##*/}" > /dev/null
        echo "GUEST-OFF up=$(up)"
        sync
        poweroff -f
    ) &
done

# The second archive, which only some machines get.
if [ -e /agent/start.sh ]; then . /agent/start.sh; fi

# The board's clock is the host's; the kernel's runs as it was calibrated, which an emulated processor
# that had to wait then leaves far off.
now() { cat /sys/class/rtc/rtc0/since_epoch; }

boot=$(cat /proc/sys/kernel/random/boot_id)
tick=0
while :; do
    tick=$((tick + 1))
    printf 'boot-marker %s %s' "$boot" "$tick" |
        dd of=/dev/vda bs=512 seek=$MARKER count=1 conv=notrunc,fsync,sync 2>/dev/null
    # Another cluster of 64 KiB each time, within 16 MiB.
    dd if=/dev/urandom of=/dev/vda bs=65536 seek=$((64 + tick % 256)) count=1 \
        conv=notrunc,fsync 2>/dev/null
    # Into the file system, and on no disk until something asks for that.
    [ ! -d /data ] || printf 'not synced %s;' "$tick" >> /data/ticks
    echo "GUEST-TICK $tick up=$(up) now=$(now)"
    sleep 1
done
