#!/usr/bin/env bash
# Make what stands in for the public image python:3.11-slim-bookworm where no registry of images
# can be reached: Debian's own packages and Python, as a tar file.
#
#   stand_in_base.sh TAR [FOLDER OR FILE ...]
#
# The rest are made empty in it: mounts of a build must find their places there already, else
# they leave traces in the image.
set -euo pipefail

tar=$1
shift
suite=bookworm
# shellcheck disable=SC2016  # the rest is apt's own to fill in
mirror=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $suite" | head -n 1)
part=$(mktemp "$tar.XXXXXX.tar")
trap 'rm -f "$part"' EXIT

hooks=()
for place in "$@"; do
    case $place in
    */) hooks+=("--customize-hook=mkdir -p \"\$1$place\"") ;;
    *) hooks+=("--customize-hook=mkdir -p \"\$1$(dirname "$place")\"; touch \"\$1$place\"") ;;
    esac
done

# shellcheck disable=SC2016  # $1 is for the hooks to fill in
mmdebstrap --quiet --variant=minbase \
    --include=ca-certificates,netbase,tzdata,python3,python3-pip,python3-venv \
    --aptopt='APT::Install-Recommends "false"' \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --customize-hook='rm -f "$1"/usr/lib/python3.*/EXTERNALLY-MANAGED' \
    --customize-hook='ln -sf /usr/bin/python3 "$1/usr/local/bin/python"' \
    --customize-hook='ln -sf /usr/bin/python3 "$1/usr/local/bin/python3"' \
    --customize-hook='ln -sf /usr/bin/pip3 "$1/usr/local/bin/pip"' \
    "${hooks[@]}" \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/log/*.log' \
    --customize-hook='rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"' \
    "$suite" "$part" "${mirror:?no mirror of Debian $suite is known to apt}"
mv "$part" "$tar"
