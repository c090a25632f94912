#!/bin/sh
# Becomes one host: fresh mount, UTS and PID namespaces are there, and this is process 1 in them.
#
# The new root is a memory file system with the packages' /usr, read-only. Everything of this machine
# that is no part of an operating system stands at its own path, so that disk images are called the
# same inside and outside. There is no /dev/kvm: the guests are emulated, whatever this machine has.
#
# host.sh PACKAGES FOLDER NAME
set -eu
packages=$1 folder=$2 name=$3

# /proc still is the outer one, so this is our process id as the outside sees it. Only a builtin may
# read it: another program would find its own.
read -r outside _ < /proc/self/stat

root=$folder/root
mkdir -p "$root"
mount -t tmpfs -o mode=755 tmpfs "$root"
# Or the folders bound below would hold it once more.
mount --make-unbindable "$root"
cd "$root"

mkdir -p usr proc sys dev run/libvirt run/sshd tmp var/tmp
ln -s /run var/run
for link in bin sbin lib lib64; do ln -s "usr/$link" "$link"; done
mount --bind "$packages/usr" usr
mount -o remount,bind,ro usr

cp -a "$packages/etc" etc
rm -rf etc/libvirt
printf 'root:x:0:0::/:/bin/sh\nlibvirt-qemu:x:64055:64055::/:/bin/false\nsshd:x:64056:65534::/run/sshd:/bin/false\n' > etc/passwd
printf 'root:x:0:\nkvm:x:105:\nlibvirt:x:106:\nlibvirt-qemu:x:64055:\nnogroup:x:65534:\n' > etc/group
printf '127.0.0.1 localhost %s\n' "$name" > etc/hosts

for own in /*; do
    case $own in
        /bin | /sbin | /lib* | /usr | /etc | /var | /boot | /proc | /sys | /dev | /run) continue ;;
    esac
    if [ -d "$own" ] && [ ! -L "$own" ]; then
        mkdir -p ".$own"
        mount --rbind "$own" ".$own"
    fi
done
mount --rbind /var/tmp var/tmp
# A folder below one that was left out.
if [ ! -d ".$folder" ]; then
    mkdir -p ".${folder%/*}"
    mount --rbind "${folder%/*}" ".${folder%/*}"
fi

mount -t proc proc proc
mount --rbind /sys sys
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do
    : > "dev/$node"
    mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs tmpfs dev/shm

# libvirt's files at its usual paths. What runs does not outlive the host, the rest does.
rm -rf "$folder/run"
for pair in etc:etc/libvirt run:run/libvirt lib:var/lib/libvirt cache:var/cache/libvirt \
    log:var/log/libvirt; do
    mkdir -p "$folder/${pair%%:*}" "${pair#*:}"
    mount --bind "$folder/${pair%%:*}" "${pair#*:}"
done

hostname "$name"
mkdir old
pivot_root . old
cd /
busybox umount -l /old
busybox rmdir /old
echo "ready $outside"

# Stays, so that the namespaces outlive libvirtd, and takes in what loses its parent.
exec busybox sh -c 'while :; do busybox sleep 1000000 & wait; done'
