#!/usr/bin/env bash
# Install Apptainer on Debian 12, which has none, from the packages of Debian's `sid`: as root, with
# apt alone. They need a newer libc. It is laid beside the machine's own, for Apptainer only.
set -euo pipefail

beside=/opt/apptainer-sid
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export DEBIAN_FRONTEND=noninteractive
apt-get install -q -y --no-install-recommends patchelf squashfs-tools squashfuse uidmap

# shellcheck disable=SC2016  # apt's own to fill in
mirror=$(apt-get indextargets --format '$(REPO_URI)' "Codename: bookworm" | head -n 1)
cat > "$work/sid.list" << LIST
deb ${mirror:?no mirror of Debian 12 is known to apt} sid main
LIST
mkdir -p "$work/lists/partial" "$work/debs"
sid() {
    apt-get -q -o Dir::Etc::sourcelist="$work/sid.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$work/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
        -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none -o APT::Sandbox::User=root \
        "$@"
}
sid update
cd "$work/debs"
sid download apptainer libc6 libseccomp2 libsqlite3-0
for deb in *.deb; do
    dpkg-deb -x "$deb" "$work/${deb%%_*}"
done

triplet=$(basename "$(dirname "$(echo "$work"/libc6/usr/lib/*/libc.so.6)")")
loader=$(basename "$(patchelf --print-interpreter "$work/apptainer/usr/bin/apptainer")")
mkdir -p "$beside/lib" /var/lib/apptainer/mnt/session "/usr/lib/$triplet/apptainer/bin"
for library in libc6 libseccomp2 libsqlite3-0; do
    rm -rf "$work/$library/usr/lib/$triplet/gconv"
    cp -a "$work/$library/usr/lib/$triplet/." "$beside/lib/"
done
cp -a "$work/apptainer/etc/apptainer" /etc/
for program in /usr/bin/apptainer "/usr/lib/$triplet/apptainer/bin/starter"; do
    install -m 755 "$work/apptainer$program" "$program"
    patchelf --set-interpreter "$beside/lib/$loader" --force-rpath --set-rpath "$beside/lib" \
        "$program"
done
ln -sf apptainer /usr/bin/singularity

# Root without all capabilities asks for no more than it has; and can build as if it were another.
sed -i 's/^root default capabilities = full/root default capabilities = no/' \
    /etc/apptainer/apptainer.conf
grep -q '^root:' /etc/subuid ||
    usermod --add-subuids 100000-165535 --add-subgids 100000-165535 root
# The mode that Debian's own rules give it: else nobody but root can mount an image.
[ ! -e /dev/fuse ] || chmod 666 /dev/fuse
apptainer --version
