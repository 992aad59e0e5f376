#!/bin/sh
# Write the file system of the offline base image to stdout, as a tar: Debian trixie with PostgreSQL 17.
#
# Stands in for postgres:17-trixie where no image registry can be reached; needs mmdebstrap, Debian's
# archive keyring and a Debian mirror. Called by toolchain/base_image.py, which turns the tar into an image.
#
# DEBIAN_MIRROR, DEBIAN_SECURITY_MIRROR: where to take packages from, when not from deb.debian.org.
set -eu

mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
security=${DEBIAN_SECURITY_MIRROR:-http://deb.debian.org/debian-security}
signed="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"

# The ids are the official image's, so that a volume can move from one to the other. Written by hand,
# because the commands for it are not there yet when the packages that need the user are installed.
make_user='echo "postgres:x:999:" >>"$1/etc/group" &&
echo "postgres:x:999:999::/var/lib/postgresql:/bin/bash" >>"$1/etc/passwd" &&
echo "postgres:!:20000:0:99999:7:::" >>"$1/etc/shadow"'

# Without this line the package would make a cluster of its own while it is installed.
no_cluster='mkdir -p "$1/etc/postgresql-common" &&
echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"'

# The official image sorts text as en_US.utf8 does; another locale would sort the same data differently.
make_locale='chroot "$1" localedef -i en_US -c -f UTF-8 -A /usr/share/locale/locale.alias en_US.UTF-8'

# initdb copies this file into each new cluster; from outside only a published port can be reached.
listen='echo "listen_addresses = '"'*'"'" >>"$1/usr/share/postgresql/17/postgresql.conf.sample"'

# As root, mmdebstrap mounts /proc and /sys into its folder in /tmp. In a mount namespace of its own
# they go with it when it is killed, and a clean-up of /tmp cannot run into them.
own_mounts=
if [ "$(id -u)" = 0 ]; then
    own_mounts="unshare --mount --propagation private --"
fi

exec $own_mounts mmdebstrap \
    --variant=minbase \
    --include=postgresql-17,gosu,tini,locales,passwd,xz-utils,zstd \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/locale/*/LC_MESSAGES/*' \
    --dpkgopt=force-confdef --dpkgopt=force-confold \
    --essential-hook="$make_user" \
    --essential-hook="$no_cluster" \
    --customize-hook="$make_locale" \
    --customize-hook="$listen" \
    trixie - \
    "deb $signed $mirror trixie main" \
    "deb $signed $mirror trixie-updates main" \
    "deb $signed $security trixie-security main"
