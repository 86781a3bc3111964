#!/bin/sh
# Takes away what install.sh has installed. What the program has fetched and noted stays unless --purge is given, or the answer to the
# question in a terminal is yes.
#
#   universal-p2p-uninstall [--prefix DIR] [--purge | --keep]
set -eu

fail() {
	printf 'universal-p2p-uninstall: %s\n' "$*" >&2
	exit 1
}

prefix=
purge=ask
while [ $# -gt 0 ]; do
	case $1 in
	--prefix)
		[ $# -gt 1 ] || fail "--prefix wants a folder"
		prefix=$2
		shift
		;;
	--prefix=*) prefix=${1#--prefix=} ;;
	--purge) purge=yes ;;
	--keep) purge=no ;;
	*) fail "$1: it takes --prefix DIR, --purge and --keep" ;;
	esac
	shift
done
if [ -z "$prefix" ]; then
	prefix=$(dirname "$(dirname "$(realpath "$0")")") # .../bin/universal-p2p-uninstall
fi
bin=$prefix/bin/universal-p2p
data=$prefix/share
config=${XDG_CONFIG_HOME:-${HOME:?}/.config}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/universal-p2p
state=${XDG_STATE_HOME:-$HOME/.local/state}/universal-p2p
[ -f "$bin" ] || fail "there is no $bin; name the folder that it was installed in with --prefix"

"$bin" quit >/dev/null 2>&1 || true # it may not run

# What it wrote itself would start it at login, from a place where it is no more.
auto=$config/autostart/universal-p2p.desktop
if grep -qF -- "$bin" "$auto" 2>/dev/null; then # not one that names another copy
	# One that says no to the package of the computer stays.
	if [ ! -e /etc/xdg/autostart/universal-p2p.desktop ] || ! grep -q '^Hidden=true' "$auto"; then rm -f "$auto"; fi
fi
rm -f "$bin" "$prefix/bin/universal-p2p-uninstall" \
	"$data/applications/universal-p2p.desktop" "$data/applications/universal-p2p-magnet.desktop" \
	"$data/man/man1/universal-p2p.1.gz" "$data/metainfo/io.github.zeronetscript.universal_p2p.metainfo.xml" \
	"$data/bash-completion/completions/universal-p2p" "$data/fish/vendor_completions.d/universal-p2p.fish" \
	"$data/zsh/site-functions/_universal-p2p"
for file in "$data"/icons/hicolor/*/apps/universal-p2p.png "$data"/icons/hicolor/*/apps/universal-p2p.svg; do
	rm -f "$file"
done
# Folders that nobody else uses go too.
for dir in bash-completion/completions fish/vendor_completions.d zsh/site-functions man/man1 metainfo; do
	(cd "$data" && rmdir -p "$dir") 2>/dev/null || true
done
for dir in "$data"/icons/hicolor/*/apps; do
	(cd "$data" && rmdir -p "${dir#"$data"/}") 2>/dev/null || true
done
if command -v update-desktop-database >/dev/null 2>&1 && [ -d "$data/applications" ]; then
	update-desktop-database "$data/applications" >/dev/null 2>&1 || true
fi

if [ $purge = ask ] && [ -t 0 ] && [ -t 1 ]; then
	printf 'Delete what it has fetched, its history and its settings as well (%s)? [y/N] ' "$cache"
	read -r answer || answer=
	case $answer in
	[yY]*) purge=yes ;;
	esac
fi
if [ $purge = yes ]; then
	rm -rf "$cache" "$state" "$config/universal-p2p"
	echo "Universal P2P is gone, with all that it kept."
else
	echo "Universal P2P is gone. What it kept is still in $cache."
fi
