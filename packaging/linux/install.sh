#!/bin/sh
# Installs Universal P2P for the user who runs this, below ~/.local, without the rights of an administrator. A copy that runs is asked
# to end, and is started again afterwards. Run it again with a newer archive to upgrade; universal-p2p-uninstall takes it away.
#
#   ./install.sh [--prefix DIR] [--no-autostart]
set -eu

say() { printf '%s\n' "$*"; }
fail() {
	printf 'install.sh: %s\n' "$*" >&2
	exit 1
}

prefix=${HOME:?}/.local
autostart=yes
while [ $# -gt 0 ]; do
	case $1 in
	--prefix)
		[ $# -gt 1 ] || fail "--prefix wants a folder"
		prefix=$2
		shift
		;;
	--prefix=*) prefix=${1#--prefix=} ;;
	--no-autostart) autostart=no ;;
	*) fail "$1: it takes --prefix DIR and --no-autostart" ;;
	esac
	shift
done
case $prefix in
/*) ;;
*) fail "--prefix wants a whole path, like /home/me/.local" ;;
esac
[ "$(id -u)" != 0 ] || fail "this is for one user, not for root: run it as yourself, or install the .deb or .rpm for all users"
case $prefix in
*'
'*) fail "a folder with a line break in its name will not do" ;;
esac

unset CDPATH # it would lead cd elsewhere
from=$(cd "$(dirname "$0")" && pwd)
bin=$prefix/bin/universal-p2p
data=$prefix/share
config=${XDG_CONFIG_HOME:-$HOME/.config}
[ -f "$from/bin/universal-p2p" ] || fail "it has to lie in the folder that was unpacked"
"$from/bin/universal-p2p" version >/dev/null 2>&1 || fail "this archive is for another processor ($(uname -m) is what this computer has)"

upgrade=no running=no
if [ -x "$bin" ]; then
	upgrade=yes
	if "$bin" quit >/dev/null 2>&1; then running=yes; fi
fi

# put FROM TO MODE: a file is there as a whole, or the old one is.
put() {
	mkdir -p "$(dirname "$2")"
	cp "$1" "$2.new"
	chmod "$3" "$2.new"
	mv "$2.new" "$2"
}
# Desktop files have an escape of their own for values, and one more for what is quoted in Exec.
value() { printf '%s' "$1" | sed 's/\\/\\\\/g'; }
quoted() { printf '"%s"' "$(printf '%s' "$1" | sed -e 's/[\\"`$]/\\&/g' -e 's/%/%%/g')"; }
replacement() { printf '%s' "$1" | sed 's/[\\&|]/\\&/g'; } # for the right side of s|||
entry() {
	mkdir -p "$(dirname "$2")"
	sed -e "s|@EXEC@|$(replacement "$(value "$(quoted "$bin")")")|" -e "s|@TRY@|$(replacement "$(value "$bin")")|" "$1" >"$2.new"
	mv "$2.new" "$2"
}

put "$from/bin/universal-p2p" "$bin" 755
put "$from/uninstall.sh" "$prefix/bin/universal-p2p-uninstall" 755
(cd "$from/share" && find icons man metainfo bash-completion fish zsh -type f) | while IFS= read -r file; do
	put "$from/share/$file" "$data/$file" 644
done
for file in universal-p2p.desktop universal-p2p-magnet.desktop; do
	entry "$from/share/applications/$file" "$data/applications/$file"
done
# At an upgrade it stays as the user has it: on, off or gone.
if [ $upgrade = no ] && [ ! -e "$config/autostart/universal-p2p.desktop" ]; then
	if [ $autostart = yes ]; then
		entry "$from/share/autostart.desktop" "$config/autostart/universal-p2p.desktop"
	else
		"$bin" login off # else the program would switch it on at its first start
	fi
fi
if command -v update-desktop-database >/dev/null 2>&1; then
	update-desktop-database "$data/applications" >/dev/null 2>&1 || true
fi

say "Universal P2P is installed as $bin"
if [ $running = yes ]; then
	# Not a child of this terminal: what closes that does not end it.
	if command -v setsid >/dev/null 2>&1; then
		setsid "$bin" run --autostart </dev/null >/dev/null 2>&1 &
	else
		"$bin" run --autostart </dev/null >/dev/null 2>&1 &
	fi
	say "It runs again, as the new version."
else
	say "Start it from the menu of programs, or with: $bin"
fi
case :$PATH: in
*:"$prefix/bin":*) ;;
*) say "To have the command universal-p2p in terminals, add $prefix/bin to PATH." ;;
esac
